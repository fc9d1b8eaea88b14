package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err == nil {
		os.Exit(code)
	}
	return err
}

func signalSelf(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := unix.Kill(os.Getpid(), syscall.Signal(n)); err != nil {
		return err
	}
	select {}
}

// printBoth writes its arguments to the two outputs in turn.
func printBoth(args []string) error {
	for i, a := range args {
		to := os.Stdout
		if i%2 == 1 {
			to = os.Stderr
		}
		if _, err := to.WriteString(a); err != nil {
			return err
		}
	}
	return nil
}

// cat copies a file, or the input.
func cat(args []string) error {
	in := os.Stdin
	if len(args) > 0 {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		in = f
	}
	_, err := io.Copy(os.Stdout, in)
	return err
}

// count writes so many bytes.
func count(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, strings.Repeat("x", n))
	return err
}

// sleep says so first, so that a test knows that it runs.
func sleep([]string) error {
	fmt.Println("sleeping")
	time.Sleep(time.Hour)
	return nil
}

// linger leaves a process in a session of its own behind that holds all
// streams open.
func linger([]string) error {
	c := exec.Command("/bin/probe", "sleep")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return c.Start()
}

// orphans makes so many processes whose parent is gone, then sleeps, so that
// init has to take in and reap them.
func orphans(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range n {
		if err := exec.Command("/bin/probe", "linger").Run(); err != nil {
			return err
		}
	}
	return sleep(nil)
}

// killAll sends every signal to init, and to all that it can reach.
func killAll([]string) error {
	send := func(n syscall.Signal) {
		if err := unix.Kill(1, n); err != nil {
			say(fmt.Sprint(int(n)), err)
		}
	}
	for n := syscall.Signal(1); n <= 64; n++ {
		if n < 32 || n > 34 {
			send(n)
		}
	}
	time.Sleep(100 * time.Millisecond) // libc's own are not kept off from the first moment on
	for n := syscall.Signal(32); n <= 34; n++ {
		send(n)
	}
	fmt.Println("sent")
	return nil
}

func brief([]string) error {
	time.Sleep(10 * time.Millisecond)
	return nil
}

func briefParent([]string) error { return exec.Command("/bin/probe", "brief").Start() }

// reaped makes so many orphans that end at once, and counts those that nobody
// waited for.
func reaped(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for range n {
		if err := exec.Command("/bin/probe", "brief-parent").Run(); err != nil {
			return err
		}
	}
	zombies := 0
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return err
		}
		zombies = 0
		for _, e := range entries {
			b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
			if err == nil && strings.Contains(string(b), ") Z ") {
				zombies++
			}
		}
		if zombies == 0 {
			break
		}
	}
	fmt.Printf("zombies: %d\n", zombies)
	return nil
}

// handout sends its output over a socket.
func handout(args []string) error {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: args[0], Net: "unix"})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, _, err := c.WriteMsgUnix([]byte("x"), unix.UnixRights(1), nil); err != nil {
		return err
	}
	fmt.Println("handed out")
	return nil
}

// roll leaves four processes behind that each live on as their own child.
func roll([]string) error {
	for range 4 {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		for pid == 0 { // in the child: only raw calls, for it has no runtime
			next, _, _ := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			if next != 0 {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
	}
	time.Sleep(50 * time.Millisecond)
	return nil
}
