package worker

import (
	"archive/tar"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// Job is what a worker does for root.
type Job struct {
	Args  []string // of the command line, without the program's name
	Env   []string
	Store string // absolute path of the store
	Info  []byte // for the worker's Join; at most 1 MiB

	// Files are trees that the worker can't read: the collection, sources. It
	// unpacks them into folders of these names; none: it gets nothing.
	Files map[string]fs.FS

	// Stdin is the worker's standard input, which it gets as a pipe; nil: /dev/null.
	// Run closes it when the worker has ended, and its Read must return then.
	Stdin io.ReadCloser

	// Put takes a file that the worker hands over: kind says what for, name has
	// no slash. It reads r to its end.
	Put func(kind, name string, size int64, r io.Reader) error
}

// maxFile bounds a file that a worker hands over, in bytes.
const maxFile = 16 << 30

// Run runs the job as the store's owner and returns the worker's exit code. The
// worker prints by itself: an error is about what the parent does. When ctx ends
// the worker gets SIGINT, once.
func Run(ctx context.Context, j Job) (code int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread that starts the worker gives up for good what the worker must
		// not have, and ends with this goroutine, since nothing unlocks it. Pdeathsig
		// comes when it ends, so the goroutine stays until the worker is gone.
		runtime.LockOSThread()
		code, err = j.run(ctx)
	}()
	<-done
	return code, err
}

// run is Run on a thread of its own.
func (j *Job) run(ctx context.Context) (code int, err error) {
	uid, err := prepareStore(j.Store)
	if err != nil {
		return 0, err
	}
	exe, err := Executable()
	if err != nil {
		return 0, err
	}
	defer exe.Close()
	in, toWorker, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	fromWorker, out, err := os.Pipe()
	if err != nil {
		return 0, errors.Join(err, in.Close(), toWorker.Close())
	}
	defer fromWorker.Close()
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", exe.Fd()))
	cmd.Args = append([]string{Name}, j.Args...)
	cmd.Env, cmd.Dir = j.Env, "/"
	stdout, stdoutDone := shown(os.Stdout)
	defer stdoutDone()
	stderr, stderrDone := shown(os.Stderr)
	defer stderrDone()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.ExtraFiles = []*os.File{in, out}
	typed, err := openTyping(cmd, j.Stdin)
	if err != nil {
		return 0, errors.Join(err, in.Close(), out.Close(), toWorker.Close())
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(groupFor(uid))},
		Pdeathsig:  syscall.SIGKILL,
		// In a session of its own: a process that shares root's terminal could type
		// into it (ioctl TIOCSTI), and Ctrl-C reaches it once, from here.
		Setsid: true,
	}
	// What root's shell left open is not for the worker.
	err = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err != nil {
		err = fmt.Errorf("close_range: %w", err)
	} else if err = giveUpPrivileges(); err == nil {
		err = cmd.Start()
	}
	in.Close()
	out.Close()
	defer typed.end()
	if err != nil {
		return 0, errors.Join(fmt.Errorf("worker: %w", err), toWorker.Close())
	}
	typed.begin()
	defer forward(ctx, cmd.Process)()

	sent := make(chan error, 1)
	go func() {
		err := j.send(toWorker)
		if err != nil && !errors.Is(err, syscall.EPIPE) {
			_ = cmd.Process.Kill() // before it takes a part for the whole, and complains of what is missing
		}
		sent <- errors.Join(err, toWorker.Close())
	}()
	takeErr := j.take(fromWorker)
	if takeErr != nil {
		_ = cmd.Process.Kill() // what it still hands over goes nowhere
	}
	waitErr := cmd.Wait()
	sendErr := <-sent // the worker is gone, so writing to it has ended
	var exit *exec.ExitError
	switch {
	case takeErr != nil:
		return 0, takeErr
	case sendErr != nil && !errors.Is(sendErr, syscall.EPIPE):
		return 0, sendErr // what the worker made of a part of it says nothing
	case waitErr == nil:
		return 0, nil // a worker that did not need all that was sent is done all the same
	case !errors.As(waitErr, &exit):
		return 0, fmt.Errorf("worker: %w", waitErr)
	case exit.ExitCode() < 0:
		return 0, errors.Join(fmt.Errorf("worker: %s", exit.ProcessState), sendErr)
	}
	return exit.ExitCode(), nil
}

// Executable returns this program, in a form that an unprivileged process may
// execute as /proc/self/fd/N, wherever the file lies and whatever its mode.
func Executable() (*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	info, err := self.Stat()
	if err == nil && info.Mode().Perm()&0o005 == 0o005 {
		return self, nil
	}
	defer self.Close()
	fd, err := unix.MemfdCreate("pbuild", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("worker: copy of the program: %w", err)
	}
	copied := os.NewFile(uintptr(fd), "pbuild")
	if _, err := io.Copy(copied, self); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	// A file that is open for writing can't be executed.
	ro, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	return ro, errors.Join(err, copied.Close())
}

// forward passes on the end of ctx, and changes of the terminal's size, which
// the kernel tells only to the group in the foreground.
func forward(ctx context.Context, p *os.Process) (stop func()) {
	end := context.AfterFunc(ctx, func() { _ = p.Signal(syscall.SIGINT) })
	sizes := make(chan os.Signal, 1)
	signal.Notify(sizes, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range sizes {
			_ = p.Signal(syscall.SIGWINCH)
		}
	}()
	return func() {
		end()
		signal.Stop(sizes)
		close(sizes)
		<-done
	}
}

// send writes the info, its length before it, and the trees.
func (j *Job) send(w *os.File) error {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(j.Info)))
	if _, err := w.Write(append(head, j.Info...)); err != nil {
		return err
	}
	if len(j.Files) == 0 {
		return nil
	}
	return tree.PackSource(w, joined(j.Files), time.Unix(0, 0))
}

// take reads what the worker hands over.
func (j *Job) take(r io.Reader) error {
	files := tar.NewReader(r)
	for {
		h, err := files.Next()
		if err == io.EOF {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // the worker died; its exit says so
		}
		if err != nil {
			return fmt.Errorf("worker: %w", err)
		}
		kind, name, _ := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg || !fs.ValidPath(h.Name) || name == "" || strings.HasPrefix(name, ".") ||
			strings.Contains(name, "/") || h.Size > maxFile {
			return fmt.Errorf("worker: hands over %q: not a plain file", h.Name)
		}
		err = j.Put(kind, name, h.Size, files)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
