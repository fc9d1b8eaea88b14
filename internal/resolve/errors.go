package resolve

import (
	"fmt"
	"strings"
)

// RefusedError says that apt does not take an index for what its archive's keys
// have signed.
type RefusedError struct {
	Suite string
	Why   []string // apt's lines
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("archive %s: refused by apt: %s", e.Suite, strings.Join(e.Why, "\n  "))
}

// UnmetError lists what can't be installed.
type UnmetError struct{ Unmet []Unmet }

// Unmet is one package that is asked for, by what is wanted or by another
// package, and can't be had.
type Unmet struct {
	Name string // the first of a relation that is wanted; else the package whose own relations fail
	Why  string // in apt's words
}

func (e *UnmetError) Error() string {
	lines := make([]string, len(e.Unmet))
	for i, u := range e.Unmet {
		lines[i] = u.Name + ": " + u.Why
	}
	if len(lines) == 1 {
		return "can't be installed: " + lines[0]
	}
	return fmt.Sprintf("%d can't be installed:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// AptError says that apt failed for another reason.
type AptError struct {
	Argv []string
	Why  []string // its lines
	Err  error
}

func (e *AptError) Error() string {
	s := fmt.Sprintf("%s: %v", strings.Join(e.Argv, " "), e.Err)
	if len(e.Why) > 0 {
		s += ": " + strings.Join(e.Why, "\n  ")
	}
	return s
}

// Unwrap returns how the program ended.
func (e *AptError) Unwrap() error { return e.Err }
