package rpm

import (
	"fmt"
	"strings"
)

const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// checkName says why s can't be what of a package, its name, version, release
// or architecture. Accepted are letters, digits and the given others, which are
// those that rpmbuild accepts (rpm's build/parsePreamble.c); a dot or dash is not first. What
// passes is safe as a part of a file name.
func checkName(what, s, others string) error {
	if s == "" || len(s) > 200 || strings.Trim(s, alnum+others) != "" || s[0] == '.' || s[0] == '-' {
		return fmt.Errorf("%s %q: want letters, digits and any of %s, no . or - first", what, short(s), others)
	}
	return nil
}

const (
	nameOthers    = "-._+%{}"
	versionOthers = "._+%{}~^"
	archOthers    = "_-"
)

// Linux takes paths of 4095 bytes and components of 255.
const (
	maxPath      = 4095
	maxComponent = 255
)

// filePath returns dir and base, as the header has them, as a clean path
// without the leading slash; the root is ".". Files of a source package have no
// directory.
func filePath(dir, base string, source bool) (string, error) {
	if len(dir)+len(base) > maxPath {
		return "", fmt.Errorf("%w: path %q has %d bytes, at most %d", ErrLimit, short(dir+short(base)), len(dir)+len(base), maxPath)
	}
	p := dir + base
	rest, absolute := strings.CutPrefix(p, "/")
	if absolute == source || dir != "" && !strings.HasSuffix(dir, "/") || strings.Contains(base, "/") {
		return "", fmt.Errorf("path %q: bad directory %q", short(p), short(dir))
	}
	if rest == "" && !source {
		return ".", nil
	}
	for c := range strings.SplitSeq(rest, "/") {
		switch {
		case c == "..":
			return "", fmt.Errorf("path %q: .. in it", short(p))
		case c == "" || c == ".":
			return "", fmt.Errorf("path %q: not clean", short(p))
		case len(c) > maxComponent:
			return "", fmt.Errorf("%w: path %q: a component has %d bytes, at most %d", ErrLimit, short(p), len(c), maxComponent)
		}
	}
	return rest, nil
}

// short cuts what an error quotes.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
