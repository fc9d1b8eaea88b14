package main

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fakeRoot adds the calls of a root, on a file of this process.
func fakeRoot(t map[string]func() error, call func(nr, a, b, c uintptr) func() error) {
	const name = "/tmp/owned"
	file := func(do func(fd int) error) func() error {
		return func() error {
			f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
			if err != nil {
				return err
			}
			defer f.Close()
			return do(int(f.Fd()))
		}
	}
	t["chown"] = file(func(int) error { return unix.Chown(name, 7, 8) })
	t["lchown"] = file(func(int) error { return unix.Lchown(name, 7, 8) })
	t["fchown"] = file(func(fd int) error { return unix.Fchown(fd, 7, 8) })
	t["fchownat"] = file(func(int) error { return unix.Fchownat(unix.AT_FDCWD, name, 7, 8, 0) })
	t["owner"] = file(func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		return fmt.Errorf("%d:%d", st.Uid, st.Gid)
	})
	t["fsync"] = file(func(fd int) error { return unix.Fsync(fd) })
	// A descriptor that is not open shows that the kernel never saw the call.
	t["fsync-closed"] = func() error { return unix.Fsync(999) }
	t["fdatasync-closed"] = func() error { return unix.Fdatasync(999) }
	t["syncfs-closed"] = func() error { return unix.Syncfs(999) }
	t["sync-range-closed"] = func() error { return unix.SyncFileRange(999, 0, 0, 0) }
	t["sync"] = func() error { unix.Sync(); return nil }
	// The raw calls, for those of the library go to all threads.
	t["setuid"] = call(unix.SYS_SETUID, 5, 0, 0)
	t["setgid"] = call(unix.SYS_SETGID, 5, 0, 0)
	t["setreuid"] = call(unix.SYS_SETREUID, 5, 5, 0)
	t["setregid"] = call(unix.SYS_SETREGID, 5, 5, 0)
	t["setresuid"] = call(unix.SYS_SETRESUID, 5, 5, 5)
	t["setresgid"] = call(unix.SYS_SETRESGID, 5, 5, 5)
	t["setfsuid"] = call(unix.SYS_SETFSUID, 5, 0, 0)
	t["setfsgid"] = call(unix.SYS_SETFSGID, 5, 0, 0)
	t["setgroups"] = func() error {
		group := uint32(5)
		return call(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&group)), 0)()
	}
	t["capset"] = func() error {
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		all := [2]unix.CapUserData{{Effective: ^uint32(0), Permitted: ^uint32(0)}}
		return unix.Capset(&head, &all[0])
	}
	t["id"] = func() error {
		r, e, s := unix.Getresuid()
		gr, ge, gs := unix.Getresgid()
		return fmt.Errorf("%d %d %d, %d %d %d", r, e, s, gr, ge, gs)
	}
	t["mknod-char"] = node(unix.S_IFCHR)
	t["mknod-block"] = node(unix.S_IFBLK)
	t["mkfifo"] = node(unix.S_IFIFO)
	t["mknod-file"] = node(unix.S_IFREG)
}

// node makes a file of a kind, and then says whether it is there.
func node(kind uint32) func() error {
	return func() error {
		name := fmt.Sprintf("/tmp/node-%o", kind)
		if err := unix.Mknod(name, kind|0o644, int(unix.Mkdev(1, 3))); err != nil {
			return err
		}
		if _, err := os.Lstat(name); err != nil {
			return fmt.Errorf("answered, nothing made")
		}
		return fmt.Errorf("made")
	}
}
