package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// afterEnd is how long a stream may stay open when all processes of the
// sandbox are gone. It can only happen where a socket of a process outside is
// bound in and the program handed its end through that.
const afterEnd = 500 * time.Millisecond

// streams are the pipes between the caller and init. The program gets ends of
// pipes, never a descriptor that the caller was given.
type streams struct {
	child  []*os.File // what init is started with: 0, 1, 2, the report, the plan
	report *os.File
	plan   *os.File

	stdin  io.Reader // nil: none
	in     *os.File  // of a terminal the master
	inDone chan struct{}

	terminal *Terminal // nil: none
	socket   *os.File  // through which its master comes

	pumps   []pump
	pumping sync.WaitGroup

	mu  sync.Mutex // guards err, and in where there is a terminal
	err error      // the first failure of a reader or writer of the Spec
}

// pump carries output from a pipe to a writer of the Spec.
type pump struct {
	from *os.File
	to   io.Writer
}

func openStreams(l *launch) (*streams, error) {
	s := &streams{child: make([]*os.File, planFD+1), stdin: l.stdin, terminal: l.person, inDone: make(chan struct{})}
	if err := s.open(l.stdout, l.stderr); err != nil {
		s.closeChild()
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *streams) open(stdout, stderr io.Writer) (err error) {
	if s.terminal != nil {
		err = s.openTerminal()
	} else {
		err = s.openPipes(stdout, stderr)
	}
	if err != nil {
		return err
	}
	if s.child[reportFD], s.report, err = pipe(false); err != nil {
		return err
	}
	s.child[planFD], s.plan, err = pipe(true)
	return err
}

func (s *streams) openPipes(stdout, stderr io.Writer) (err error) {
	if s.stdin == nil {
		s.child[0], err = os.Open(os.DevNull)
	} else {
		s.child[0], s.in, err = pipe(true)
	}
	if err != nil {
		return err
	}
	for i, to := range []io.Writer{stdout, stderr} {
		fd := 1 + i
		switch {
		case to == nil:
			s.child[fd], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		case fd == 2 && same(stdout, stderr):
			s.child[2] = s.child[1]
		default:
			var from *os.File
			if s.child[fd], from, err = pipe(false); err == nil {
				s.pumps = append(s.pumps, pump{from, to})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pipe returns the child's end, which blocks, and the caller's end, which the
// runtime's poller waits for; toChild gives the direction.
func pipe(toChild bool) (child, caller *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	c, o := p[1], p[0]
	if toChild {
		c, o = p[0], p[1]
	}
	if err := unix.SetNonblock(o, true); err != nil {
		unix.Close(c)
		unix.Close(o)
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	return os.NewFile(uintptr(c), "pipe"), os.NewFile(uintptr(o), "pipe"), nil
}

// same reports whether both streams go to one writer, which must not be called
// from two goroutines. Writers of a type that can't be compared are two.
func same(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

// closeChild closes the ends that init has by now: an end of the stream only
// comes when no process holds the other one.
func (s *streams) closeChild() {
	for _, f := range s.child {
		if f != nil {
			f.Close() // a second time for a shared end, which does nothing
		}
	}
}

func (s *streams) close() {
	for _, f := range []*os.File{s.report, s.plan, s.in, s.socket} {
		if f != nil {
			f.Close()
		}
	}
	for _, p := range s.pumps {
		p.from.Close()
	}
}

// copy starts to carry input and output; stop is called when a reader or
// writer of the Spec fails, and the watch is told when the output is too long. What
// a terminal shows is not bounded.
func (s *streams) copy(stop func(), w *watch) {
	if s.terminal != nil {
		s.pumping.Go(func() { s.relay(stop) })
		return
	}
	allowed := &allowance{limited: w.limits.Output > 0, left: w.limits.Output}
	for _, p := range s.pumps {
		p.to = &bounded{p.to, allowed}
		s.pumping.Go(func() {
			err := p.run()
			if errors.Is(err, errOutput) {
				w.hit(OutputLimit, w.limits.Output)
			} else if err != nil {
				s.fail(fmt.Errorf("write of the output: %w", err))
				stop()
			}
		})
	}
	go func() {
		defer close(s.inDone)
		if s.stdin == nil {
			return
		}
		r := &input{r: s.stdin}
		_, _ = io.Copy(s.in, r) // a program need not read its input
		s.in.Close()
		if r.err != nil {
			s.fail(fmt.Errorf("read of the input: %w", r.err))
			stop()
		}
	}()
}

func (s *streams) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// sendPlan fails when init ended before it had read everything.
func (s *streams) sendPlan(b []byte) error {
	_, err := s.plan.Write(b)
	return errors.Join(err, s.plan.Close())
}

// wait is called when init has ended.
func (s *streams) wait() error {
	deadline := time.Now().Add(afterEnd)
	for _, p := range s.pumps {
		_ = p.from.SetReadDeadline(deadline)
	}
	s.mu.Lock()
	if s.terminal != nil && s.in != nil {
		_ = s.in.SetReadDeadline(deadline)
	}
	s.mu.Unlock()
	s.pumping.Wait()
	if s.in != nil {
		_ = s.in.SetWriteDeadline(time.Now())
	}
	if s.terminal != nil {
		s.terminal.In.Close() // not before all was shown: its end closes the master
	}
	select {
	case <-s.inDone:
	case <-time.After(afterEnd): // its Read does not return; nothing can make it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// run copies until the end of the stream, or until the deadline has passed and
// what was in the pipe by then is read too.
func (p pump) run() error {
	buf := make([]byte, 32<<10)
	for {
		n, err := p.from.Read(buf)
		if n > 0 {
			if _, err := p.to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return p.drain(buf)
		}
		if err != nil {
			return nil // the end: a pipe has no other error
		}
	}
}

// drain reads at most what a pipe can hold, without waiting.
func (p pump) drain(buf []byte) error {
	if p.from.SetReadDeadline(time.Time{}) != nil {
		return nil
	}
	raw, err := p.from.SyscallConn()
	if err != nil {
		return nil
	}
	for left := 1 << 20; left > 0; {
		n := 0
		_ = raw.Read(func(fd uintptr) bool {
			n, _ = unix.Read(int(fd), buf)
			return true
		})
		if n <= 0 {
			return nil
		}
		left -= n
		if _, err := p.to.Write(buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

// input keeps an error of the Spec's reader apart from one of the pipe.
type input struct {
	r   io.Reader
	err error
}

func (i *input) Read(b []byte) (int, error) {
	n, err := i.r.Read(b)
	if err != nil && err != io.EOF {
		i.err = err
	}
	return n, err
}

var errOutput = errors.New("too much output")

// allowance is what both streams together may still carry.
type allowance struct {
	limited bool
	mu      sync.Mutex // guards left
	left    int64      // bytes
}

// take returns how many of n bytes may pass.
func (a *allowance) take(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n = int(min(int64(n), a.left))
	a.left -= int64(n)
	return n
}

// bounded writes what an allowance lets pass.
type bounded struct {
	to      io.Writer
	allowed *allowance
}

func (w *bounded) Write(b []byte) (int, error) {
	if !w.allowed.limited {
		return w.to.Write(b)
	}
	n := w.allowed.take(len(b))
	if n < len(b) {
		if _, err := w.to.Write(b[:n]); err != nil {
			return 0, err
		}
		return n, errOutput
	}
	return w.to.Write(b)
}
