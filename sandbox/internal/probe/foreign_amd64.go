package main

import "golang.org/x/sys/unix"

// int80 makes a system call of the 32-bit ABI.
func int80(nr uintptr) uintptr

// foreign adds calls by the other two ABIs of this processor.
func foreign(t map[string]func() error) {
	t["x32-getpid"] = func() error {
		if _, _, errno := unix.RawSyscall(0x40000000|unix.SYS_GETPID, 0, 0, 0); errno != 0 {
			return errno
		}
		return nil
	}
	t["i386-getpid"] = func() error {
		const getpid = 20
		if r := int32(int80(getpid)); r < 0 {
			return unix.Errno(-r)
		}
		return nil
	}
}
