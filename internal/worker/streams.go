package worker

import (
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// typing is a pipe that carries what the parent's side reads to the worker. The
// worker never has the file itself: of a terminal it could read what is meant for
// others.
type typing struct {
	from      io.ReadCloser
	child, to *os.File
	done      chan struct{} // nil: not begun
}

// openTyping gives cmd the pipe as its standard input; nil where from is.
func openTyping(cmd *exec.Cmd, from io.ReadCloser) (*typing, error) {
	if from == nil {
		return nil, nil
	}
	t := &typing{from: from}
	var err error
	t.child, t.to, err = os.Pipe()
	cmd.Stdin = t.child
	return t, err
}

// begin is called when cmd runs.
func (t *typing) begin() {
	if t == nil {
		return
	}
	t.child.Close()
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		_, _ = io.Copy(t.to, t.from) // a worker need not read it
		t.to.Close()
	}()
}

// end is called when cmd has ended, or did not begin.
func (t *typing) end() {
	if t == nil {
		return
	}
	t.from.Close()
	if t.done != nil {
		<-t.done
	}
	t.child.Close()
	t.to.Close()
}

// shown returns the file that a worker gets in place of one of our outputs. Of a
// terminal the worker must not read what is typed: it is opened anew, for writing.
// A nil file is one that hung up.
func shown(out *os.File) (file io.Writer, done func()) {
	if !term.IsTerminal(int(out.Fd())) {
		return out, func() {}
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", out.Fd()), os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, func() {}
	}
	return again, func() { again.Close() }
}
