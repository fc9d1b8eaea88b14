package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Terminal is where a person sits, whose program runs on a terminal of the
// sandbox: /dev/pts/0 of its own devpts, in a size that can change, with job
// control and keys that interrupt. Nothing of the terminal outside goes in: bytes
// and sizes do.
type Terminal struct {
	In      io.ReadCloser // what is typed; its end hangs up. Run closes it when the program has ended, and its Read must return then
	Out     io.Writer     // what is shown
	Size    TerminalSize  // when the program starts
	Resized <-chan TerminalSize
}

// TerminalSize is in characters.
type TerminalSize struct{ Rows, Cols uint16 }

// Init makes the terminal, for only in its namespaces there is the devpts, and
// passes the master to the caller through a socket (SCM_RIGHTS of unix(7)) that
// stands in for standard input until then. It keeps the other side. It goes on
// when the caller closes the socket: when the size is set.

// openTerminal is the stage «streams» where there is a terminal.
func (c *cell) openTerminal() error {
	const socket = 0
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	defer unix.Close(master)
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("/dev/ptmx: %w", err)
	}
	name := "/dev/pts/" + strconv.Itoa(n)
	slave, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unix.Close(slave)
	if err := unix.Sendmsg(socket, []byte{0}, unix.UnixRights(master), nil, 0); err != nil {
		return fmt.Errorf("master: %w", err)
	}
	for {
		_, err := unix.Read(socket, make([]byte, 1))
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("size: %w", err)
		}
	}
	for fd := range 3 {
		if err := unix.Dup3(slave, fd, 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// openTerminal makes the socket in the place of the streams.
func (s *streams) openTerminal() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	s.child[0], s.socket = os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket")
	if s.child[1], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		return err
	}
	s.child[2] = s.child[1]
	return nil
}

// relay carries what is shown until no process has the terminal any more, and
// meanwhile sizes. What is typed is carried by a goroutine of its own, which
// closes inDone. An init that ends early closes its side of the socket.
func (s *streams) relay(stop func()) {
	master, err := s.takeMaster()
	if err != nil || master == nil {
		if err != nil {
			s.fail(fmt.Errorf("terminal: %w", err))
			stop()
		}
		close(s.inDone)
		return
	}
	s.mu.Lock()
	s.in = master
	s.mu.Unlock()
	ended := make(chan struct{})
	resized := make(chan struct{})
	go func() {
		defer close(resized)
		for {
			select {
			case size := <-s.terminal.Resized:
				_ = setSize(master, size) // a terminal that is gone has none
			case <-ended:
				return
			}
		}
	}()
	go s.typed(master, stop)
	if err := (pump{master, s.terminal.Out}).run(); err != nil {
		s.fail(fmt.Errorf("write of the output: %w", err))
		stop()
	}
	close(ended)
	<-resized
}

// typed carries what is typed. At its end the master is closed, which hangs up.
func (s *streams) typed(master *os.File, stop func()) {
	defer close(s.inDone)
	r := &input{r: s.terminal.In}
	_, _ = io.Copy(master, r) // a program need not read its input
	master.Close()
	if r.err != nil && !errors.Is(r.err, os.ErrClosed) {
		s.fail(fmt.Errorf("read of the input: %w", r.err))
		stop()
	}
}

// takeMaster takes the master from the socket and sets its size; nil: init ended
// without passing it.
func (s *streams) takeMaster() (*os.File, error) {
	defer s.socket.Close()
	raw, err := s.socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	space := make([]byte, unix.CmsgSpace(4))
	n, used := 0, 0
	controlErr := raw.Control(func(fd uintptr) {
		for {
			n, used, _, _, err = unix.Recvmsg(int(fd), make([]byte, 1), space, unix.MSG_CMSG_CLOEXEC)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if err := errors.Join(controlErr, err); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if n == 0 {
		return nil, nil
	}
	fd := -1
	messages, err := unix.ParseSocketControlMessage(space[:used])
	if err == nil && len(messages) == 1 {
		var fds []int
		if fds, err = unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
			fd = fds[0]
		}
	}
	if fd < 0 {
		return nil, errors.Join(errors.New("socket: no descriptor came"), err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	if err := setSize(master, s.terminal.Size); err != nil {
		master.Close()
		return nil, fmt.Errorf("size: %w", err)
	}
	return master, nil
}

// setSize also tells the processes in the terminal's foreground (SIGWINCH).
func setSize(master *os.File, size TerminalSize) error {
	raw, err := master.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Cols})
	})
	return errors.Join(controlErr, err)
}
