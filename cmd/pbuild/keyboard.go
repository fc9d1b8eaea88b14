package main

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// keyboard is what is typed into a shell, by a person or by a script. Unlike a file,
// it can be closed while somebody reads from it, and what was typed by then and not
// read stays for whoever reads the terminal next.
//
// Of a terminal nothing is read before begin. From then until end each key counts by
// itself, also Ctrl-C, and is not shown by the terminal: the one inside does that.
type keyboard struct {
	file *os.File
	wake [2]*os.File   // a pipe: its reading end is readable when the keyboard is closed
	gate chan struct{} // closed when reading may begin

	mu     sync.Mutex  // guards what follows
	before *term.State // of a terminal in use
	begun  bool
	closed bool
}

func newKeyboard(file *os.File) (*keyboard, error) {
	k := &keyboard{file: file, gate: make(chan struct{})}
	var err error
	k.wake[0], k.wake[1], err = os.Pipe()
	return k, err
}

// begin lets reading begin.
func (k *keyboard) begin(terminal bool) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.begun || k.closed {
		return nil
	}
	if terminal {
		if k.before, err = term.MakeRaw(int(k.file.Fd())); err != nil {
			return err
		}
	}
	k.begun = true
	close(k.gate)
	return nil
}

// Close gives the terminal back as it was and ends each Read, now and later; it may
// be called again.
func (k *keyboard) Close() (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	if k.before != nil {
		err = term.Restore(int(k.file.Fd()), k.before)
	}
	if !k.begun {
		close(k.gate)
	}
	return errors.Join(err, k.wake[1].Close())
}

// Read returns io.EOF at the end, and when the keyboard is closed.
func (k *keyboard) Read(b []byte) (int, error) {
	<-k.gate
	from, wake := int(k.file.Fd()), int(k.wake[0].Fd())
	for {
		ready := []unix.PollFd{{Fd: int32(from), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		_, err := unix.Poll(ready, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if ready[1].Revents != 0 {
			return 0, io.EOF
		}
		n, err := unix.Read(from, b)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
