package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/fuel-infra/pbuild/sandbox"
)

// Names of what a worker hands over as kindTerminal: nothing but a word.
const (
	terminalBegin = "begin" // what is typed is for the shell now
	terminalEnd   = "end"   // and no longer
)

// onTerminal reports whether a person sits at this process.
func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// inShell runs the program of spec in the sandbox with what is typed: on a terminal
// of its own where a person sits here, else on plain streams.
func (c *console) inShell(ctx context.Context, spec sandbox.Spec) (err error) {
	spec.Copying = func(why error) {
		c.say("copying the image: no overlay in the store's file system: %v", why)
	}
	keys, err := newKeyboard(os.Stdin)
	if err != nil {
		return err
	}
	defer keys.Close()
	if !c.person() {
		if err := keys.begin(false); err != nil {
			return err
		}
		spec.Stdin, spec.Stdout, spec.Stderr = keys, c.out.w, c.err.w
		return sandbox.Run(ctx, spec)
	}
	sizes, stop := c.sizes()
	defer stop()
	if c.worker != nil {
		// Our input is a pipe: the terminal is the parent's.
		if err := keys.begin(false); err != nil {
			return err
		}
		if err := c.worker.terminal(terminalBegin); err != nil {
			return err
		}
		defer func() { _ = c.worker.leaveTerminal() }() // a parent that is gone
	} else if err := keys.begin(true); err != nil {
		return err
	}
	spec.Terminal = &sandbox.Terminal{In: keys, Out: c.out.w, Size: c.size(), Resized: sizes}
	return sandbox.Run(ctx, spec)
}

// person reports whether a person sits here, or at the parent.
func (c *console) person() bool {
	if c.worker != nil {
		return c.worker.info.Terminal
	}
	return onTerminal()
}

func (c *console) size() sandbox.TerminalSize {
	cols, rows := c.out.size()
	return sandbox.TerminalSize{Rows: uint16(min(rows, 1<<16-1)), Cols: uint16(min(cols, 1<<16-1))}
}

// sizes tells each new size of the terminal. A worker hears of one from its parent,
// and sees it since the terminal is its output.
func (c *console) sizes() (sizes <-chan sandbox.TerminalSize, stop func()) {
	signals, out := make(chan os.Signal, 1), make(chan sandbox.TerminalSize)
	quit, ended := make(chan struct{}), make(chan struct{})
	signal.Notify(signals, unix.SIGWINCH)
	go func() {
		defer close(ended)
		for {
			select {
			case <-signals:
			case <-quit:
				return
			}
			select {
			case out <- c.size():
			case <-quit:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(quit)
		<-ended
	}
}

// terminal tells the parent what to do with its terminal.
func (w *workerSide) terminal(word string) error {
	return w.Put(kindTerminal, word, 0, strings.NewReader(""))
}

// leaveTerminal returns when the parent's terminal is as it was: it ends what is
// typed then.
func (w *workerSide) leaveTerminal() error {
	if err := w.terminal(terminalEnd); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// takeTerminal does what a worker says.
func (k *keyboard) takeTerminal(word string) (known bool, err error) {
	switch word {
	case terminalBegin:
		return true, k.begin(true)
	case terminalEnd:
		return true, k.Close()
	}
	return false, nil
}
