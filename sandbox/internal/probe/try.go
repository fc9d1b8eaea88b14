package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// try makes the named attempts and prints a line for each.
func try(args []string) error {
	runtime.LockOSThread()
	table := attempts()
	for _, name := range args {
		do := table[name]
		if do == nil {
			return fmt.Errorf("%s: no such attempt", name)
		}
		say(name, do())
	}
	return nil
}

func attempts() map[string]func() error {
	call := func(nr, a, b, c uintptr) func() error {
		return func() error {
			if _, _, errno := unix.RawSyscall6(nr, a, b, c, 0, 0, 0); errno != 0 {
				return errno
			}
			return nil
		}
	}
	t := map[string]func() error{
		"unshare-user":  func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"unshare-mount": func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		"setns":         setns,
		"sys-file":      func() error { return os.WriteFile("/sys/file", nil, 0o644) },
		"mount":         func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") },
		"umount":        func() error { return unix.Unmount("/proc/keys", unix.MNT_DETACH) },
		"remount":       func() error { return unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"clone3":        clone3,
		"fsopen":        func() error { _, err := unix.Fsopen("tmpfs", 0); return err },
		"open-tree":     func() error { _, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE); return err },
		"handle": func() error {
			_, err := unix.OpenByHandleAt(3, unix.NewFileHandle(1, []byte("12345678")), 0)
			return err
		},
		"keyctl": func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true); return err },
		"add-key": func() error {
			_, err := unix.AddKey("user", "probe", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		},
		"bpf":          call(unix.SYS_BPF, 0, 0, 0),
		"io-uring":     ioUring,
		"userfaultfd":  call(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|1, 0, 0),
		"perf":         perf,
		"syslog":       func() error { _, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil); return err },
		"reboot":       func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) },
		"ptrace-init":  ptraceInit,
		"init-memory":  initMemory,
		"init-pidfd":   initPidfd,
		"tiocsti":      func() error { return onTerminal(unix.TIOCSTI) },
		"tiocsti-high": func() error { return onTerminal(1<<32 | unix.TIOCSTI) },
		"tioclinux":    func() error { return onTerminal(unix.TIOCLINUX) },
		"vsock":        func() error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
		"alg":          func() error { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) },
		"packet":       func() error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
		"unix":         func() error { return socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) },
		"raw":          func() error { return socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP) },
		"abroad":       func() error { return dial("udp", "192.0.2.1:9") },
		"resolve":      func() error { return dial("udp", "[2001:db8::1]:53") },
		"host-tcp":     func() error { return dial("tcp", os.Getenv("HOST_TCP")) },
		"host-unix":    func() error { return dial("unix", os.Getenv("HOST_UNIX")) },
		"loopback":     loopback,
		"no-aslr":      func() error { return call(unix.SYS_PERSONALITY, 0x40000, 0, 0)() },
	}
	fakeRoot(t, call)
	foreign(t)
	return t
}

func setns() error {
	fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, 0)
}

func clone3() error {
	var args struct{ flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls uint64 }
	args.exitSignal = uint64(unix.SIGCHLD)
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), unsafe.Sizeof(args), 0)
	if errno != 0 {
		return errno
	}
	if pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return err
}

func ioUring() error {
	var params [120]byte
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func perf() error {
	_, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK,
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}, 0, -1, -1, 0)
	return err
}

// ptraceInit does not stop it, as PTRACE_ATTACH would for good.
func ptraceInit() error { return unix.PtraceSeize(1) }

func initMemory() error {
	_, err := os.ReadFile("/proc/1/maps")
	return err
}

// initPidfd takes a descriptor out of init.
func initPidfd() error {
	fd, err := unix.PidfdOpen(1, 0)
	if err != nil {
		return err
	}
	_, err = unix.PidfdGetfd(fd, 1, 0)
	return err
}

// onTerminal makes a request on a terminal of its own that controls this
// process, the only one that TIOCSTI is allowed on.
func onTerminal(request uint64) error {
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("ptmx: %w", err)
	}
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	n, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	if err != nil {
		return fmt.Errorf("number: %w", err)
	}
	slave, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("slave: %w", err)
	}
	c := byte('x')
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(slave), uintptr(request), uintptr(unsafe.Pointer(&c))); errno != 0 {
		return errno
	}
	return nil
}

func socket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func dial(network, address string) error {
	c, err := net.Dial(network, address)
	if err == nil {
		c.Close()
	}
	return err
}

// loopback talks to itself.
func loopback() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	return dial("tcp", l.Addr().String())
}

// nested starts itself in a user namespace. It maps nothing there, which would
// need a capability here; a process has all capabilities there even so.
func nested([]string) error {
	c := exec.Command("/bin/probe", "exit", "0")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS}
	say("clone", c.Run())
	return nil
}
