package sandbox

import (
	"fmt"
	"strings"
	"syscall"
)

// ExitError says that the sandbox was made and its program ended otherwise
// than with code 0.
type ExitError struct {
	Argv   []string
	Code   int            // exit code; -1 when a signal ended the program
	Signal syscall.Signal // 0 when the program exited by itself
}

func (e *ExitError) Error() string {
	name := strings.Join(e.Argv, " ")
	if e.Signal != 0 {
		return fmt.Sprintf("%s: ended by signal %d: %s", name, int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("%s: exit code %d", name, e.Code)
}

// StageError says that the sandbox could not be made; the program did not run.
// Stage is one of the names that Check lists; errors.As finds the
// syscall.Errno in Err where the kernel gave one.
type StageError struct {
	Stage string // e.g. "overlay"
	Err   error
	Hint  string // what to type or change; empty when nothing is known
}

func (e *StageError) Error() string { return fmt.Sprintf("sandbox: %s: %v", e.Stage, e.Err) }

func (e *StageError) Unwrap() error { return e.Err }

// Stage is one step of making a sandbox, as Check found it.
type Stage struct {
	Name string
	Err  error  // nil: it works here
	Hint string // what to type or change when Err or Instead is set

	// Instead says why the kernel refuses an overlay, where the layers are copied
	// for each run instead: the same for the program, at the cost of time and room.
	Instead error
}
