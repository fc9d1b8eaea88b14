package yamldoc

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of what is said about one document: mistakes, and bytes of each.
const (
	maxErrors  = 20
	maxMessage = 400
)

// Error is a mistake at one place of a file.
type Error struct {
	File         string
	Line, Column int // from 1; columns count characters
	Msg          string
	Err          error // what Msg wraps, for errors.Is and errors.As; mostly nil
}

// Error returns FILE:LINE:COLUMN: message.
func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg) }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Errors are two or more mistakes of one file, by position. errors.As finds
// each *Error in it.
type Errors []*Error

// Error returns the mistakes one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap implements the form of errors.Join.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// Position is a place in a file, for a mistake that shows only later.
type Position struct {
	File         string
	Line, Column int
}

// Errorf returns a mistake at p; %w wraps as in fmt.Errorf. A long message, as
// a hostile value can cause, is cut.
func (p Position) Errorf(format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	msg := err.Error()
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "…"
	}
	return &Error{File: p.File, Line: p.Line, Column: p.Column, Msg: msg, Err: errors.Unwrap(err)}
}
