package tree

import (
	"fmt"
	"strings"
)

// Linux takes paths of 4095 bytes and components of 255; an archive that holds
// longer ones can't be unpacked anywhere.
const (
	maxPath      = 4095
	maxComponent = 255
)

// maxOwner is the largest uid; the one above means «none» to chown(2).
const maxOwner = 1<<32 - 2

// refuse returns the ErrUnsafe error for a name in an archive.
func refuse(name, why string) error {
	return fmt.Errorf("%w: %s: %s", ErrUnsafe, quoteName(name), why)
}

// cleanName turns a member's name as archives write it ("./usr/bin/", "usr/x")
// into a path. Only one leading "./" and, for directories, trailing slashes
// are taken off: a name that needs more cleaning can mean one thing here and
// another elsewhere.
func cleanName(name string, dir bool) (string, error) {
	if strings.HasPrefix(name, "/") {
		return "", refuse(name, "absolute")
	}
	p := name
	if dir {
		p = strings.TrimRight(p, "/")
	}
	if dir && p == "." {
		return p, nil
	}
	p = strings.TrimPrefix(p, "./")
	return p, checkPath(p)
}

// checkPath says why p is not a clean relative path, with ErrUnsafe. Depth is
// not its matter. The root "." is not accepted.
func checkPath(p string) error {
	if p == "" {
		return refuse(p, "empty")
	}
	if len(p) > maxPath {
		return fmt.Errorf("%w: path: %s… has %d bytes, at most %d", ErrLimit, quoteName(p[:40]), len(p), maxPath)
	}
	if strings.IndexByte(p, 0) >= 0 {
		return refuse(p, "holds a zero byte")
	}
	for rest, more := p, true; more; {
		var c string
		c, rest, more = strings.Cut(rest, "/")
		switch {
		case c == "..":
			return refuse(p, "holds ..")
		case c == "" || c == ".":
			return refuse(p, "not clean")
		case len(c) > maxComponent:
			return fmt.Errorf("%w: path: component %s… has %d bytes, at most %d", ErrLimit, quoteName(c[:40]), len(c), maxComponent)
		}
	}
	return nil
}

// checkDepth says whether p has more than max components.
func checkDepth(p string, max int) error {
	if n := strings.Count(p, "/") + 1; n > max {
		more := ""
		if len(p) > 40 {
			p, more = p[:40], "…"
		}
		return fmt.Errorf("%w: depth: %s%s has %d components, at most %d", ErrLimit, quoteName(p), more, n, max)
	}
	return nil
}
