package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

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
	case "dropped": // from the tables of this process; the kernel has it
		for range n {
			b, err := mapped(unix.MAP_SHARED)
			if err != nil {
				return err
			}
			if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
				return err
			}
		}
	case "memory", "shared":
		for range n {
			flags := unix.MAP_PRIVATE
			if what == "shared" {
				flags = unix.MAP_SHARED
			}
			if _, err := mapped(flags); err != nil {
				return err
			}
		}
	case "leader", "apart": // by a thread whose first one has ended, or in a file that it alone has open
		held := make(chan error)
		go func() {
			runtime.LockOSThread()
			if what == "leader" {
				time.Sleep(100 * time.Millisecond)
				held <- hog([]string{"memory", args[1]})
				return
			}
			if err := unix.CloseRange(1<<20, 1<<20, unix.CLOSE_RANGE_UNSHARE); err != nil {
				held <- err
				return
			}
			held <- hog([]string{"memfd", args[1]})
		}()
		if what == "leader" {
			_, _, err := syscall.Syscall(unix.SYS_EXIT, 0, 0, 0)
			return err
		}
		return <-held
	case "descriptors": // besides many descriptors, which many processes share
		var files unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
			return err
		}
		files.Cur = files.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
			return err
		}
		last := 0
		for range 200_000 {
			fd, err := unix.Dup(0)
			if err != nil {
				break
			}
			last = fd
		}
		if err := unix.CloseRange(uint(last-8), uint(last), 0); err != nil {
			return err
		}
		for range 150 {
			if err := idle(unix.CLONE_FILES); err != nil {
				return err
			}
		}
		return hog([]string{"memfd", args[1]})
	case "vfork": // and starts a program, which takes a moment
		for range n {
			if _, err := mapped(unix.MAP_PRIVATE); err != nil {
				return err
			}
		}
		vfork(60 * time.Millisecond)
	case "semaphores":
		for i := range n {
			if _, _, errno := syscall.Syscall(unix.SYS_SEMGET, unix.IPC_PRIVATE, 32000, unix.IPC_CREAT|0o600); errno != 0 {
				say(fmt.Sprintf("after %d", i), errno)
				return nil
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
			if err := idle(0); err != nil {
				say(fmt.Sprintf("after %d", i), err)
				break
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

// idle makes a copy of this one thread, which does nothing.
func idle(flags uintptr) error {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD)|flags, 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	for pid == 0 {
		syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
	return nil
}

// vfork makes a process that shares this one's memory, for which this one waits. It
// has the same stack too, so that all calls are made from one place.
func vfork(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	calls := [3][4]uintptr{
		{unix.SYS_CLONE, unix.CLONE_VFORK | unix.CLONE_VM | uintptr(unix.SIGCHLD)},
		{unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&ts))},
		{unix.SYS_EXIT},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range calls {
		c := &calls[i]
		if pid, _, errno := syscall.RawSyscall6(c[0], c[1], c[2], c[3], 0, 0, 0); pid != 0 || errno != 0 {
			return
		}
	}
}

func init() {
	if len(os.Args) > 2 && os.Args[2] == "leader" {
		runtime.LockOSThread() // main is the first thread then
	}
}

// mapped returns a mebibyte of memory of its own, each page of which was written.
func mapped(flags int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, mebibyte, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|flags)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b, nil
}
