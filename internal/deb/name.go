package deb

import (
	"fmt"
	"strings"
)

const (
	lowerDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
)

// only reports whether s is not empty and holds only characters of set.
func only(s, set string) bool {
	return s != "" && strings.Trim(s, set) == ""
}

// CheckPackage says why s is no package name (Debian policy 5.6.1; capital
// letters are refused as there). A name that passes is safe as a path component.
func CheckPackage(s string) error {
	if len(s) < 2 || len(s) > 200 || !only(s, lowerDigits+"+-.") || !only(s[:1], lowerDigits) {
		return fmt.Errorf("package name %q: want two or more of a-z 0-9 + - . with a letter or digit first", short(s))
	}
	return nil
}

// CheckVersion says why s is no version (Debian policy 5.6.12): an optional
// epoch, then characters that no path or shell gives a meaning.
func CheckVersion(s string) error {
	rest := s
	if epoch, after, ok := strings.Cut(s, ":"); ok {
		if !only(epoch, digits) || len(epoch) > 9 {
			return fmt.Errorf("version %q: the epoch before : is no number", short(s))
		}
		rest = after
	}
	// A digit first is policy's «should»; dpkg asks for it in what it builds.
	if len(s) > 200 || !only(rest, lowerDigits+upper+".+-~") || !only(rest[:1], digits) {
		return fmt.Errorf("version %q: want a digit, then letters, digits and . + - ~", short(s))
	}
	return nil
}

// CheckArch says why s is no architecture's name (Debian policy 5.6.8), one word.
func CheckArch(s string) error {
	if len(s) > 60 || !only(s, lowerDigits+"-") || s[0] == '-' {
		return fmt.Errorf("architecture %q: want letters, digits and -", short(s))
	}
	return nil
}

// checkFileName says why s can't name a file beside a .dsc.
func checkFileName(s string) error {
	if len(s) > 255 || !only(s, lowerDigits+upper+".+-~_%:@,=") || s[0] == '.' || s[0] == '-' {
		return fmt.Errorf("file name %q: unsafe: want letters, digits and . + - ~ _ without a leading . or -", short(s))
	}
	return nil
}
