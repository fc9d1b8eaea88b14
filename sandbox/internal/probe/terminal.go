package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal tells what its streams are, then each line that is typed, each new size
// and each interrupt, until the terminal hangs up or «leave» is typed.
func terminal([]string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGINT, unix.SIGHUP)
	for fd := range 3 {
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		fmt.Println(fd, name, err)
	}
	own, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	group, err := unix.IoctlGetInt(int(own.Fd()), unix.TIOCGPGRP)
	fmt.Println("foreground", group == os.Getpid(), err)
	size := func() {
		w, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		fmt.Println("size", w.Row, w.Col, err)
	}
	size()
	lines := make(chan string)
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			lines <- in.Text()
		}
	}()
	for {
		select {
		case s := <-signals:
			switch s {
			case unix.SIGWINCH:
				size()
			case unix.SIGHUP:
				os.Exit(9)
			default:
				fmt.Println(s.(syscall.Signal).String())
			}
		case line := <-lines:
			fmt.Printf("typed %q\n", line)
			if line == "leave" {
				os.Exit(7)
			}
		}
	}
}
