package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const mebibyte = 1 << 20

// hog takes so many MiB of what its first argument names, all at once, and then
// sleeps.
func hog(args []string) error {
	n := 0
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	switch what := args[0]; what {
	case "memory", "shared":
		for range n {
			flags := unix.MAP_ANON | unix.MAP_PRIVATE
			if what == "shared" {
				flags = unix.MAP_ANON | unix.MAP_SHARED
			}
			b, err := unix.Mmap(-1, 0, mebibyte, unix.PROT_READ|unix.PROT_WRITE, flags)
			if err != nil {
				return err
			}
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
		}
	case "split": // among eight processes
		for range 8 {
			if err := exec.Command("/bin/probe", "hog", "memory", strconv.Itoa(n/8)).Start(); err != nil {
				return err
			}
		}
	case "common": // what three more processes have too
		fd, err := unix.MemfdCreate("hog", 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "hog")
		if err := fill(f, n); err != nil {
			return err
		}
		for range 3 {
			c := exec.Command("/bin/probe", "hog", "mapped", strconv.Itoa(n))
			c.ExtraFiles = []*os.File{f}
			said, err := c.StdoutPipe()
			if err != nil {
				return err
			}
			if err := c.Start(); err != nil {
				return err
			}
			if _, err := io.ReadFull(said, make([]byte, len("full"))); err != nil {
				return err
			}
		}
	case "mapped":
		b, err := unix.Mmap(3, 0, n*mebibyte, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return err
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	case "processes":
		// Copies of this one thread, which do nothing: to start a program of Go's takes
		// threads, without which it dies.
		for i := range n {
			pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			if errno != 0 {
				say(fmt.Sprintf("after %d", i), errno)
				break
			}
			for pid == 0 {
				syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
	case "memfd":
		fd, err := unix.MemfdCreate("hog", 0)
		if err != nil {
			return err
		}
		if err := fill(os.NewFile(uintptr(fd), "hog"), n); err != nil {
			return err
		}
	case "sockets": // in buffers of the kernel
		var files unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
			return err
		}
		files.Cur = files.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
			return err
		}
		for n *= mebibyte; n > 0; {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				return err
			}
			for {
				wrote, err := unix.Write(pair[0], make([]byte, 1<<16))
				if err != nil {
					break
				}
				n -= wrote
			}
		}
	case "sysv": // in segments that no process is attached to
		for i := range n {
			id, err := unix.SysvShmGet(unix.IPC_PRIVATE, mebibyte, unix.IPC_CREAT|0o600)
			if err != nil {
				say(fmt.Sprintf("after %d", i), err)
				return nil
			}
			b, err := unix.SysvShmAttach(id, 0, 0)
			if err != nil {
				return err
			}
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			if err := unix.SysvShmDetach(b); err != nil {
				return err
			}
		}
	case "files": // that are empty
		for i := range n * mebibyte {
			f, err := os.Create(args[2] + strconv.Itoa(i))
			if err != nil {
				return err
			}
			f.Close()
		}
	case "file", "unlinked":
		f, err := os.Create(args[2])
		if err != nil {
			return err
		}
		if what == "unlinked" {
			if err := os.Remove(args[2]); err != nil {
				return err
			}
		}
		if err := fill(f, n); err != nil {
			return err
		}
	case "hole":
		if err := os.WriteFile(args[2], nil, 0o600); err != nil {
			return err
		}
		return os.Truncate(args[2], int64(n)*mebibyte)
	case "output":
		b := make([]byte, 1<<16)
		for i := range b {
			b[i] = 'x'
		}
		for {
			if _, err := os.Stdout.Write(b); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%s: unknown", what)
	}
	fmt.Println("full")
	time.Sleep(time.Hour)
	return nil
}

func fill(f *os.File, n int) error {
	b := make([]byte, mebibyte)
	for range n {
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// bomb starts itself twice, again and again.
func bomb([]string) error {
	for {
		_ = exec.Command("/bin/probe", "bomb").Start()
		_ = exec.Command("/bin/probe", "bomb").Start()
	}
}
