package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Whom pbuild-killed kills.
const (
	killMain   = "main"   // the process that was started alone: the others end by themselves
	killGroup  = "group"  // its process group, as a terminal that hangs up does
	killWorker = "worker" // root's worker, or main where it has none yet
)

// exitOrphans is pbuild-killed's exit code where a process outlives the killed one.
const exitOrphans = 99

// exitKilled is its exit code of a killed one.
const exitKilled = 128 + int(unix.SIGKILL)

// slowEnd begins the line that says that the last process took more than a second.
const slowEnd = "killed: all had ended after "

// playKilled is «pbuild-killed WHOM MICROSECONDS ARGUMENT…»: pbuild, killed after
// that long. It adopts what pbuild leaves behind, so that it misses nobody, and
// wants all of it to end within ten seconds. Its exit code is pbuild's, exitKilled of
// a killed one.
func playKilled() {
	code, err := killed(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "killed:", err)
	}
	os.Exit(code)
}

func killed(whom, after string, args []string) (code int, err error) {
	delay, err := strconv.Atoi(after)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err != nil {
		return exitOrphans, err
	}
	c := exec.Command("pbuild", args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return exitOrphans, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	pid := c.Process.Pid
	select {
	case err = <-ended:
		ended <- err
	case <-time.After(time.Duration(delay) * time.Microsecond):
	}
	switch whom {
	case killGroup:
		pid = -pid
	case killWorker:
		for _, child := range children(pid) {
			pid = child
		}
	}
	// It may have ended by itself.
	if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return exitOrphans, err
	}
	var exit *exec.ExitError
	if err := <-ended; err != nil && !errors.As(err, &exit) {
		return exitOrphans, err
	}
	if code = c.ProcessState.ExitCode(); code < 0 {
		code = exitKilled
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if errors.Is(err, unix.ECHILD) {
				if took := time.Since(begun); took > time.Second {
					fmt.Fprintf(os.Stderr, "%s%s\n", slowEnd, took)
				}
				return code, nil
			}
			if pid <= 0 {
				break
			}
		}
		if time.Since(begun) < 10*time.Second {
			continue
		}
		for _, pid := range children(os.Getpid()) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			err = errors.Join(err, fmt.Errorf("ten seconds later there is %d: %s", pid, strings.ReplaceAll(string(line), "\x00", " ")))
			unix.Kill(pid, unix.SIGKILL)
		}
		return exitOrphans, err
	}
}

// children returns the process ids of a process's children.
func children(of int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that has ended has none
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
