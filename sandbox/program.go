package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func (c *cell) enterDirectory() error {
	if err := unix.Chdir(c.dir); err != nil {
		return fmt.Errorf("%s: %w", c.dir, err)
	}
	return nil
}

// start starts the program in a session of its own, so that it has no process
// group shared with init, and no controlling terminal but that of its Spec.
func (c *cell) start() error {
	file, err := c.lookup()
	if err != nil {
		return err
	}
	if err := resetSignals(); err != nil {
		return err
	}
	c.pid, err = syscall.ForkExec(file, c.argv, &syscall.ProcAttr{
		Env:   c.env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: c.terminal, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// resetSignals keeps init from being ended by what a process inside sends it, and
// blocks no signal. What the Go runtime handles is ignored: in a child the runtime
// itself gives those the default action again. The others get it here, so that the
// program has all defaults even if the caller was started with some signals ignored
// or blocked.
//
// The default alone, which the kernel drops for the first process of a namespace,
// is too little: it looks at that process's first thread, and does not drop what
// that one blocks, as it does for a moment in each ForkExec, while the program
// runs already; then the signal goes to another thread. That is left for 32 to 34,
// which the runtime does not handle and which belong to libc: they could end a
// sandbox in its first moment, by the program in it.
func resetSignals() error {
	type sigaction [4]uint64 // the kernel's: the handler, or SIG_DFL 0, SIG_IGN 1; flags, restorer, mask
	call := func(n uintptr, set, old *sigaction) error {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, n, uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), unsafe.Sizeof(set[3]), 0, 0)
		if errno != 0 {
			return fmt.Errorf("signal %d: %w", n, errno)
		}
		return nil
	}
	for n := uintptr(1); n <= 64; n++ {
		var was, action sigaction
		switch unix.Signal(n) {
		case unix.SIGKILL, unix.SIGSTOP:
			continue
		case unix.SIGCHLD: // ignored, there would be nobody to wait for
		default:
			if err := call(n, nil, &was); err != nil {
				return err
			}
			if was[0] > 1 {
				action[0] = 1
			}
		}
		if err := call(n, &action, nil); err != nil {
			return err
		}
	}
	return unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
}

// lookup finds the program as execvp(3) does, in the PATH of the new
// environment; without a PATH only a name with a slash is found.
func (c *cell) lookup() (string, error) {
	name := c.argv[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	found := error(unix.ENOENT)
	for _, e := range c.env {
		dirs, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range strings.Split(dirs, ":") {
			if dir == "" {
				dir = "."
			}
			file := dir + "/" + name
			var st unix.Stat_t
			if unix.Stat(file, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
				continue
			}
			if unix.Access(file, unix.X_OK) == nil {
				return file, nil
			}
			found = unix.EACCES
		}
		break
	}
	return "", fmt.Errorf("%s: not in PATH: %w", name, found)
}

// reap waits for the program, taking in orphans meanwhile, then kills all that
// is left and waits for it too: with the last process gone the mounts end
// together with init, and no descriptor keeps the caller's pipes open.
func (c *cell) reap() (ws syscall.WaitStatus) {
	for {
		var one syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &one, 0, nil)
		if pid == c.pid {
			ws = one
			break
		}
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return ws
		}
	}
	// One call is enough: a process that is forking while it is killed does not
	// get its child.
	_ = unix.Kill(-1, unix.SIGKILL)
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); errors.Is(err, syscall.ECHILD) {
			return ws
		}
	}
}
