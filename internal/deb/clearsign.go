package deb

import (
	"errors"
	"fmt"
	"strings"
)

const (
	beginMessage   = "-----BEGIN PGP SIGNED MESSAGE-----"
	beginSignature = "-----BEGIN PGP SIGNATURE-----"
	endSignature   = "-----END PGP SIGNATURE-----"
)

// signedText returns the text inside a clearsigned message (RFC 9580, section
// 7), or s itself when it is none. The signature is not verified. Text before the
// message or after it is an error: it would be read by some and not by others.
func signedText(s string) (string, error) {
	if !strings.Contains(s, "-----BEGIN PGP ") {
		return s, nil
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\r")
	}
	at := 0
	for at < len(lines) && lines[at] == "" {
		at++
	}
	if at == len(lines) || lines[at] != beginMessage {
		return "", fmt.Errorf("line %d: text before the signed message", at+1)
	}
	for at++; at < len(lines) && lines[at] != ""; at++ {
		if !strings.HasPrefix(lines[at], "Hash: ") {
			return "", fmt.Errorf("line %d: header %q in a signed message", at+1, short(lines[at]))
		}
	}
	var text strings.Builder
	// The lines before stay, empty, so that the numbers in errors are the file's.
	text.WriteString(strings.Repeat("\n", min(at, len(lines))))
	for ; at < len(lines) && lines[at] != beginSignature; at++ {
		l := lines[at]
		if rest, ok := strings.CutPrefix(l, "- "); ok {
			l = rest
		} else if strings.HasPrefix(l, "-") {
			return "", fmt.Errorf("line %d: %q is not dash-escaped", at+1, short(l))
		}
		text.WriteString(l + "\n")
	}
	for at < len(lines) && lines[at] != endSignature {
		at++
	}
	if at == len(lines) {
		return "", errors.New("the signed message has no end")
	}
	for at++; at < len(lines); at++ {
		if lines[at] != "" {
			return "", fmt.Errorf("line %d: text after the signature", at+1)
		}
	}
	return text.String(), nil
}
