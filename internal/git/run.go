package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// command returns a git command that may not use a network. Its process is the
// first of a session of its own: it has no terminal to ask on, and is killed
// together with what it started.
func (s *session) command(ctx context.Context, repo string, args ...string) *exec.Cmd {
	head := []string{"--no-pager"}
	if repo != "" {
		head = append(head, "--git-dir="+repo)
	}
	cmd := exec.CommandContext(ctx, s.git, append(head, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(s.env[:len(s.env):len(s.env)], "GIT_ALLOW_PROTOCOL=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone // it ended by itself meanwhile, and how counts
		}
		return err
	}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// runError is a git that ended badly, with what it said.
type runError struct {
	verb string
	said *said
	err  error
}

func (e *runError) Error() string { return fmt.Sprintf("git %s: %s", e.verb, e.said.reason(e.err)) }
func (e *runError) Unwrap() error { return e.err }

// output runs a git command on what is here already and returns what it prints,
// at most most bytes.
func (s *session) output(ctx context.Context, repo string, most int64, args ...string) ([]byte, error) {
	cmd := s.command(ctx, repo, args...)
	out := &bounded{most: most}
	text := newSaid(nil)
	cmd.Stdout, cmd.Stderr = out, text
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if out.over {
		err = fmt.Errorf("%w: size: output of more than %d bytes", tree.ErrLimit, most)
	}
	if err != nil {
		return nil, &runError{args[0], text, err}
	}
	return out.Bytes(), nil
}

// bounded keeps what is written, up to a limit.
type bounded struct {
	bytes.Buffer
	most int64
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.Len()+len(p)) > b.most {
		b.over = true
		return 0, io.ErrShortWrite
	}
	return b.Buffer.Write(p)
}

// ReadFrom would go around Write.
func (b *bounded) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{b}, r)
}

// online runs a git command that may use the one protocol of its source, and
// watches it: it is stopped when neither its words nor repo grow, and when
// either grows too much.
func (s *session) online(ctx context.Context, protocol, repo string, out *bounded, text *said, args ...string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := s.command(ctx, repo, args...)
	cmd.Env = append(s.env[:len(s.env):len(s.env)], "GIT_ALLOW_PROTOCOL="+protocol)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.Stderr = text
	if out != nil {
		cmd.Stdout = out
	}
	// Pdeathsig comes when the thread ends that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(done, repo, text, cancel)
	}()
	err := cmd.Wait()
	close(done)
	<-watched
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if out != nil && out.over {
		return fmt.Errorf("%w: size: output of more than %d bytes", tree.ErrLimit, out.most)
	}
	if err != nil {
		return &runError{args[0], text, err}
	}
	// What came in the last moments.
	if err := s.bounds.check(measure(repo)); err != nil {
		return err
	}
	return nil
}

// watch cancels a git that stays silent, takes too long, or fills the disk.
func (s *session) watch(done <-chan struct{}, repo string, text *said, cancel context.CancelCauseFunc) {
	begun := time.Now()
	last := begun // that something came
	var size, words int64
	for pause := 100 * time.Millisecond; ; {
		select {
		case <-done:
			return
		case <-time.After(pause):
		}
		looked := time.Now()
		bytes, files := measure(repo)
		pause = max(100*time.Millisecond, 10*time.Since(looked)) // a tenth of the time at most
		if n := text.total(); n != words || bytes != size {
			last, words, size = time.Now(), n, bytes
		}
		switch err := s.bounds.check(bytes, files); {
		case err != nil:
			cancel(err)
		case time.Since(last) > s.bounds.stall:
			cancel(fmt.Errorf("%w: nothing came in %s", errStalled, s.bounds.stall))
		case time.Since(begun) > s.bounds.longest:
			cancel(fmt.Errorf("%w: not done after %s", errStalled, s.bounds.longest))
		default:
			continue
		}
		return
	}
}

// ours reports whether an error of online is the caller's or this machine's
// matter, and not the source's.
func ours(err error) bool {
	var run *runError
	return !errors.As(err, &run) && !errors.Is(err, errStalled) && !errors.Is(err, tree.ErrLimit)
}
