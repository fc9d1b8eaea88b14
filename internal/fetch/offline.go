package fetch

import (
	"fmt"
	"strings"
)

// OfflineError lists the files that a client would have had to ask for, and did
// not: it is offline.
type OfflineError struct{ Files []File }

// shownFiles is how many files an OfflineError names.
const shownFiles = 3

func (e *OfflineError) Error() string {
	if len(e.Files) == 1 {
		return "offline: 1 file is not in the store: " + shownPath(e.Files[0].Path)
	}
	var first []string
	for _, f := range e.Files[:min(shownFiles, len(e.Files))] {
		first = append(first, shownPath(f.Path))
	}
	more := ""
	if n := len(e.Files) - len(first); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("offline: %d files are not in the store: %s%s", len(e.Files), strings.Join(first, ", "), more)
}
