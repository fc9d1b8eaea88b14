package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropCapabilities empties every set. With an empty bounding set a program
// that is started as uid 0 gets none back.
func dropCapabilities() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > unix.CAP_SYS_ADMIN {
			break // past the last one that this kernel knows
		}
		if err != nil {
			return fmt.Errorf("bounding set: %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("ambient set: %w", err)
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	// The other threads of init only serve the Go runtime, but they too are
	// processes of the sandbox. Where C code is linked in (the race detector),
	// Go can't reach them all.
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none)), 0)
	if errno == syscall.ENOTSUP {
		if err := unix.Capset(&head, &none[0]); err != nil {
			return fmt.Errorf("capset: %w", err)
		}
	} else if errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}

func setNoNewPrivileges() error {
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// setUndumpable closes /proc/1 (descriptors, memory, environment, executable)
// and ptrace to the processes inside, which run as the same uid.
func setUndumpable() error {
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
