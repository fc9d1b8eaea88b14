package main

import (
	"context"
	"errors"
)

// Exit codes; scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitBuildFailed = 3
	exitUnverified  = 5
	exitInterrupted = 130
)

// exitError ends the process with a code of its own. Without Err what went wrong
// has been shown already, and nothing more is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "shown above"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode maps the error of a run to the process's exit code. interrupted says
// that a signal ended the run, whatever error came of it.
func exitCode(err error, interrupted bool) int {
	var usage *usageError
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case interrupted && errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailed
}
