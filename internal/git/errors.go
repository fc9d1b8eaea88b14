package git

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

// Try is what one source answered.
type Try struct {
	URL string
	Why string // "not there", "authentication required"
}

// NotFoundError says that no source has a commit or a ref: each that answered
// said so.
type NotFoundError struct {
	URL   string // asked for first
	What  string // "commit 5a08937", "ref stable/8.0"
	ID    string // the whole id, or the ref
	Tries []Try
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("%s: %s not found", e.URL, e.What)
	if len(e.Tries) == 1 && e.Tries[0].Why == whyGone {
		return s
	}
	return s + lines(e.Tries)
}

// SourcesError says that no source served what was asked for, and that not all
// of them said that it does not exist.
type SourcesError struct {
	URL   string // asked for first
	Tries []Try
}

func (e *SourcesError) Error() string {
	if len(e.Tries) == 1 {
		return e.Tries[0].URL + ": " + e.Tries[0].Why
	}
	return fmt.Sprintf("%s: none of %d URLs served it%s", e.URL, len(e.Tries), lines(e.Tries))
}

func lines(tries []Try) string {
	s := ":"
	for _, t := range tries {
		s += "\n  " + t.URL + ": " + t.Why
	}
	return s
}

// NotAncestorError says that a commit is not in the history of another one.
type NotAncestorError struct{ From, To string }

func (e *NotAncestorError) Error() string {
	return fmt.Sprintf("commit %s is not in the history of %s", short(e.From), short(e.To))
}

// OfflineError says that a call would have needed the network.
type OfflineError struct{ URL string }

func (e *OfflineError) Error() string { return e.URL + ": offline" }

const whyGone = "not there"

// kind is what became of a try that failed.
type kind int

const (
	gone         kind = iota // the commit or ref, or the whole repository, is not there
	unadvertised             // the server gives out tips only, or says so
	refused                  // any other final answer
	broken                   // cut, stalled, too large
	noRoute                  // no connection
)

// failure is a try that failed at the source; any other error is ours.
type failure struct {
	kind kind
	url  string
	why  string
	lost *fetch.DialError // noRoute
}

func (f *failure) Error() string { return f.url + ": " + f.why }

// verdict says what the failures of all sources mean; there is at least one.
func verdict(first, what, id string, failures []*failure) error {
	var tries []Try
	for _, f := range failures {
		tries = append(tries, Try{f.url, f.why})
	}
	has := func(k ...kind) bool {
		return slices.ContainsFunc(failures, func(f *failure) bool { return slices.Contains(k, f.kind) })
	}
	switch {
	case has(refused, broken):
		return &SourcesError{URL: first, Tries: tries}
	case has(gone, unadvertised):
		return &NotFoundError{URL: first, What: what, ID: id, Tries: tries}
	}
	none := &fetch.NoRouteError{URL: first}
	for _, f := range failures {
		none.Add(f.lost)
	}
	return none
}

// clean makes text of a server fit to stand in an error: one line, printable,
// not endless.
func clean(s string, most int) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

var errStalled = errors.New("stalled")
