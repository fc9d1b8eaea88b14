package git

import (
	"fmt"
	"strings"
)

const maxRef = 255 // bytes

// isID reports whether s is a full hash in lower case.
func isID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

func checkID(id string) error {
	if !isID(id) {
		if len(id) > 64 {
			id = id[:64] + "…"
		}
		return fmt.Errorf("commit %q: want 40 or 64 digits of 0-9 a-f", id)
	}
	return nil
}

// CheckRef says why ref can't name a branch, a tag, a ref (refs/…), HEAD or a
// commit. It is stricter than git-check-ref-format(1): printable ASCII only.
func CheckRef(ref string) error {
	why := ""
	switch {
	case ref == "":
		why = "empty"
	case len(ref) > maxRef:
		return fmt.Errorf("ref: more than %d bytes", maxRef)
	case strings.HasPrefix(ref, "-"):
		why = "begins with a dash"
	case ref == "@", strings.Contains(ref, "@{"):
		why = "holds @"
	case strings.Contains(ref, ".."):
		why = "holds .."
	case strings.ContainsFunc(ref, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`~^:?*[\`, r) }):
		why = `holds a blank, a control character, one of ~ ^ : ? * [ \, or what is not ASCII`
	case strings.HasSuffix(ref, "."):
		why = "ends with a dot"
	default:
		for c := range strings.SplitSeq(ref, "/") {
			switch {
			case c == "":
				why = "slash at an end, or two together"
			case strings.HasPrefix(c, "."), strings.HasSuffix(c, ".lock"):
				why = "a part begins with a dot or ends with .lock"
			case strings.HasPrefix(c, "-"):
				why = "a part begins with a dash"
			}
		}
	}
	if why != "" {
		return fmt.Errorf("ref %q: %s", ref, why)
	}
	return nil
}

// short is how people see a commit.
func short(id string) string { return id[:min(len(id), 7)] }
