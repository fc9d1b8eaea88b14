package fetch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// NoRouteError says that nobody could be connected to: not one address of one
// mirror took a connection.
type NoRouteError struct {
	URL   string   // what was asked for first
	Tried []string // addresses, "192.0.2.1:80"; none when a host's name has no address
	Err   error    // why the last connection was not made

	// Refused: there is a route, and nobody listens: each address said so.
	Refused bool
}

func (e *NoRouteError) Error() string {
	why := whyNot(e.Refused)
	switch len(e.Tried) {
	case 0:
		return fmt.Sprintf("%s: %s (%v)", e.URL, why, e.Err)
	case 1:
		return fmt.Sprintf("%s: %s (1 address tried)", e.URL, why)
	}
	return fmt.Sprintf("%s: %s (%d addresses tried)", e.URL, why, len(e.Tried))
}

// whyNot says why a connection was not made.
func whyNot(refused bool) string {
	if refused {
		return "connection refused"
	}
	return "no route"
}

// Unwrap returns why the last connection was not made.
func (e *NoRouteError) Unwrap() error { return e.Err }

// Add counts one more connection that was not made.
func (e *NoRouteError) Add(d *DialError) {
	e.Refused = d.Refused && (e.Err == nil || e.Refused)
	e.Err = d.Err
	for _, a := range d.Tried {
		if !slices.Contains(e.Tried, a) {
			e.Tried = append(e.Tried, a)
		}
	}
}

// MismatchError says that a server sent other bytes than those wanted, and that
// no mirror sent the right ones.
type MismatchError struct {
	URL       string
	Want, Got digest.Digest // Got is zero when the size was already wrong
	Size      int64         // bytes wanted; negative when unknown
	GotSize   int64         // bytes announced or read; reading stops one past Size
}

func (e *MismatchError) Error() string {
	if e.Got.IsZero() {
		least := ""
		if e.GotSize > e.Size {
			least = "at least "
		}
		return fmt.Sprintf("%s: size mismatch: want %d bytes, got %s%d", e.URL, e.Size, least, e.GotSize)
	}
	return fmt.Sprintf("%s: digest mismatch: want %s, got %s", e.URL, e.Want, e.Got)
}

// MissingError lists every file of one call that no mirror has; its text names
// the first of them and counts the others. All other files of that call were
// fetched.
type MissingError struct{ Files []MissingFile }

// MissingFile is one file that is gone.
type MissingFile struct {
	Path    string // as asked for
	Package string // whose file it is; may be empty
	Tried   []Tried
}

// Tried is what one mirror said.
type Tried struct {
	Mirror string // base, or the URL of a file that was asked for by URL
	Why    string // "404 Not Found", "no route", "connection refused"
}

// maxListed is how many files an error names: whole suites can be gone at once.
const maxListed = 20

func (e *MissingError) Error() string {
	var b strings.Builder
	if len(e.Files) == 1 {
		b.WriteString("1 file: gone from every mirror:")
	} else {
		fmt.Fprintf(&b, "%d files: gone from every mirror:", len(e.Files))
	}
	for i, f := range e.Files {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Files)-maxListed)
			break
		}
		b.WriteString("\n  " + f.Path)
		if f.Package != "" {
			b.WriteString(" (" + f.Package + ")")
		}
		for i, t := range f.Tried {
			sep := ", "
			if i == 0 {
				sep = ": "
			}
			b.WriteString(sep + t.Mirror + ": " + t.Why)
		}
	}
	return b.String()
}

// NoMirrorError says that no mirror is known for a suite, and what was looked at.
type NoMirrorError struct {
	Suite   string
	Skipped []Skipped // apt sources that were left out, and candidates that were not right
}

func (e *NoMirrorError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no mirror: none given, and no apt source of this host is one", e.Suite)
	for _, s := range e.Skipped {
		b.WriteString("\n  " + s.String())
	}
	return b.String()
}
