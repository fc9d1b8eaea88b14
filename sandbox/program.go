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

// resetSignals gives every signal its default action and blocks none. The
// kernel drops such a signal when a process inside sends it to init, where the
// handlers of the Go runtime would let it end init; and the program gets the
// defaults even if the caller was started with some signals ignored or blocked.
func resetSignals() error {
	var action [4]uint64 // struct sigaction of the kernel: SIG_DFL, no flags, no mask
	for n := uintptr(1); n <= 64; n++ {
		if n == uintptr(unix.SIGKILL) || n == uintptr(unix.SIGSTOP) {
			continue
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, n, uintptr(unsafe.Pointer(&action)), 0, unsafe.Sizeof(action[3]), 0, 0)
		if errno != 0 {
			return fmt.Errorf("signal %d: %w", n, errno)
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
