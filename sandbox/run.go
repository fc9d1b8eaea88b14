package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run makes a sandbox, runs one program in it and waits for its end. It returns
//
//   - nil: the program exited with code 0;
//   - *ExitError: it ended otherwise;
//   - *StageError: the sandbox could not be made, or the program not started;
//     nothing ran;
//   - *LimitError: a limit was reached, and everything was killed;
//   - ctx.Err(): the context ended first, and everything was killed;
//   - another error: a stream of the Spec failed, and everything was killed.
//
// In each case no process of the sandbox is left. The program ends the sandbox:
// what it left running is killed when it exits, and does not delay Run.
//
// Scratch must be a directory of mode 0700 that belongs to the caller. In it
// Run makes upper and work, and points where the layers lack a directory that
// is mounted on. An upper that is there is used on: that is
// how a second run sees what the first one changed. It is left for the caller
// to read, in the form of overlayfs (character device 0:0 for what was removed,
// attribute user.overlay.opaque for directories that hide the lower one), and
// holds set-user-id bits as the program set them: hence the mode 0700. It goes
// with RemoveScratch. Several sandboxes at once need as many scratch
// directories.
//
// Where the kernel refuses an overlay there, the layers are copied into scratch and the
// program changes the copy; then what it changed is moved to upper, which is as an overlay
// would have left it. It costs the time and the room of a copy for each run, and
// Copying is told. The sandbox is the same otherwise. A run that is cancelled there still moves
// its changes, for 30 seconds at most; cancelled or out of room while it copies, what
// earlier runs left in upper can be lost.
//
// The root of the host is refused, since the uid that is mapped must have no
// rights on the host: drop to an unprivileged uid first, and execute anew
// (after setuid alone the kernel denies a process its own /proc files).
//
// The executable of the caller must call Init; see there.
func Run(ctx context.Context, s Spec) error {
	p, err := s.plan()
	if err != nil {
		return &StageError{Stage: "spec", Err: err}
	}
	l := launch{groups: s.Limits.groups(), plan: p, stdin: s.Stdin, stdout: s.Stdout, stderr: s.Stderr, person: s.Terminal, limits: s.Limits, copying: s.Copying, namespaces: allNamespaces}
	rep, err := l.anyWay(ctx)
	switch {
	case err != nil:
		return err
	case rep.code != 0 || rep.signal != 0:
		return &ExitError{Argv: s.Argv, Code: rep.code, Signal: rep.signal}
	}
	return nil
}

const allNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// initEnv is all of init's environment. Init does one thing after the other
// and allocates next to nothing; more threads, and the watching of CPU limits,
// only cost it time.
func initEnv() []string {
	return []string{"GODEBUG=containermaxprocs=0,updatemaxprocs=0", "GOMAXPROCS=1", "GOGC=off"}
}

// launch is one run, as the caller sees it.
type launch struct {
	plan
	stdin          io.Reader
	stdout, stderr io.Writer
	person         *Terminal // nil: no terminal
	limits         Limits
	groups         *delegation // nil: the caller watches
	copying        func(why error)
	namespaces     uintptr
	trial          func(init int) // called in the place of the program, where the plan stops before it
}

// run returns an outcome that ended, or an error.
func (l *launch) run(ctx context.Context) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return outcome{}, err
	}
	if IsInit() {
		return outcome{}, stageError("caller", errors.New("the executable runs a sandbox without calling sandbox.Init first"))
	}
	if err := refuseRoot(); err != nil {
		return outcome{}, err
	}
	// The kernel sends init its death signal when the thread that started it
	// ends, so that this thread has to stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	release := l.hold()
	st, err := openStreams(l)
	if err != nil {
		return outcome{}, stageError("pipes", err)
	}
	defer st.close()
	// Files take as long to make as a process to start.
	prepared := make(chan error, 1)
	go func() { prepared <- l.prepare() }()
	proc, err := l.startInit(st)
	st.closeChild()
	notPrepared := <-prepared
	if err != nil {
		return outcome{}, cmp.Or(notPrepared, err)
	}
	if notPrepared != nil {
		_ = proc.Kill()
		_, _ = proc.Wait()
		return outcome{}, notPrepared
	}
	kill := func() { _ = proc.Kill() }
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		kill()
	})
	defer func() {
		if !stop() {
			<-killed
		}
	}()
	w, err := l.limit(ctx, proc.Pid, kill)
	if err != nil {
		kill()
		_, _ = proc.Wait()
		return outcome{}, stageError("limits", err)
	}
	defer w.close()
	st.copy(kill, w)
	planErr := st.sendPlan(l.encode())
	if l.way == wayCopy {
		w.start(proc.Pid) // no program will begin
	}
	rep, repErr := readReport(st.report, func() {
		if w.start(proc.Pid); l.trial != nil {
			l.trial(proc.Pid)
			release()
		}
	})
	if repErr != nil {
		kill() // nobody reads what it still has to say, and it would wait
	}
	w.stop()
	release()
	state, waitErr := proc.Wait()
	streamErr := st.wait()

	switch limitErr := w.result(); {
	case limitErr != nil:
		return rep, limitErr
	case waitErr != nil:
		return rep, fmt.Errorf("sandbox: wait: %w", waitErr)
	case streamErr != nil:
		return rep, fmt.Errorf("sandbox: %w", streamErr)
	case rep.err != nil:
		return rep, stageError(rep.failed, rep.err)
	case repErr != nil:
		return rep, fmt.Errorf("sandbox: %w", repErr)
	case rep.ended:
		return rep, nil
	case ctx.Err() != nil:
		return rep, ctx.Err()
	case l.stop && state.Success():
		return rep, nil
	case planErr != nil:
		return rep, stageError("plan", planErr)
	}
	return l.lost(rep, state)
}

// hold keeps an init that is to be tried from ending, until it is released: its input
// does not end before.
func (l *launch) hold() (release func()) {
	if l.trial == nil {
		return func() {}
	}
	in, w := io.Pipe()
	l.stdin, l.null[0] = in, false
	return func() { _ = w.Close() }
}

// lost is for an init that ended without a word: killed, most likely by the
// kernel for want of memory.
func (l *launch) lost(rep outcome, state *os.ProcessState) (outcome, error) {
	ws, _ := state.Sys().(syscall.WaitStatus)
	if len(rep.done) > 0 && rep.done[len(rep.done)-1] == programStage {
		rep.ended, rep.code = true, -1
		rep.signal = syscall.SIGKILL
		if ws.Signaled() {
			rep.signal = ws.Signal()
		}
		return rep, nil
	}
	last := "start"
	if len(rep.done) > 0 {
		last = rep.done[len(rep.done)-1]
	}
	return rep, stageError("init", fmt.Errorf("ended after %q: %s", last, state))
}

// startInit clones and executes this same executable.
func (l *launch) startInit(st *streams) (*os.Process, error) {
	sys := &syscall.SysProcAttr{
		Cloneflags:  l.namespaces,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Setsid:      true, // an interrupt from the terminal is the caller's to handle
		Pdeathsig:   syscall.SIGKILL,
	}
	proc, err := startSelf(sys, st.child)
	if err == nil {
		return proc, nil
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) {
		err = fmt.Errorf("no more namespaces are allowed: %w", err) // no disk is full
	}
	return nil, stageError(cloneStage(err), err)
}

func startSelf(sys *syscall.SysProcAttr, files []*os.File) (*os.Process, error) {
	proc, err := os.StartProcess("/proc/self/exe", []string{initName}, &os.ProcAttr{
		Dir: "/", Env: initEnv(), Files: files, Sys: sys,
	})
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // its path says nothing
	}
	return proc, err
}

// cloneStage tells whether the namespaces or the mapping were refused, for the
// runtime gives the same error for both: it tries the namespace alone.
func cloneStage(err error) string {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return "clone"
	}
	// Not in a pid namespace, this child is no init; it ends at the plan that
	// it does not get.
	proc, err := startSelf(&syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL,
	}, nil)
	if err != nil {
		return "clone"
	}
	_, _ = proc.Wait()
	return "uid map"
}

// HostRoot reports whether this process is the host's root, whom Run refuses. It
// compares with the owner of a kernel setting, for that is a matter of the
// host's uid: uid 0 of a user namespace may be nobody there, and another number
// may be root.
func HostRoot() (bool, error) {
	const setting = "/proc/sys/kernel/core_pattern"
	var st unix.Stat_t
	if err := unix.Stat(setting, &st); err != nil {
		return false, fmt.Errorf("%s: %w", setting, err)
	}
	return int(st.Uid) == os.Geteuid(), nil
}

func refuseRoot() error {
	root, err := HostRoot()
	if err == nil && root {
		err = errRoot
	}
	if err != nil {
		return stageError("caller", err)
	}
	return nil
}

var errRoot = errors.New("the caller is the host's root, who is never mapped into a sandbox")
