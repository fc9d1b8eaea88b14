package sandbox

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// view is what the caller sees of a sandbox that runs: its /proc, in which stand
// its processes and no others, and its temporary file systems. It reaches them
// through init's root, which the kernel allows to the owner of the namespace.
type view struct {
	proc      int   // the sandbox's /proc
	temporary []int // the root of each tmpfs that programs can write to
	memory    uint64
	buf       []byte
}

// temporaryPoints are the tmpfs that mountTemporary makes.
func temporaryPoints() []string { return []string{"dev/shm", "tmp", "run"} }

// openView looks into the sandbox of this init. What covered points are is not
// the sandbox's own.
func openView(pid int, covered map[string]bool) (_ *view, err error) {
	v := &view{proc: -1, buf: make([]byte, 32<<10)}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	root, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/root", pathFlags|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("root of the sandbox: %w", err)
	}
	defer unix.Close(root)
	if v.proc, err = openInside(root, "proc", unix.O_RDONLY, unix.PROC_SUPER_MAGIC); err != nil {
		return nil, err
	}
	for _, name := range temporaryPoints() {
		if covered["/"+name] {
			continue
		}
		fd, err := openInside(root, name, unix.O_PATH, unix.TMPFS_MAGIC)
		if err != nil {
			return nil, err
		}
		v.temporary = append(v.temporary, fd)
	}
	// All memfds and all shared memory of the kernel are files of one device.
	fd, err := unix.MemfdCreate("pbuild", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	v.memory = st.Dev
	return v, nil
}

func openInside(root int, name string, flags int, magic int64) (int, error) {
	fd, err := unix.Openat2(root, name, &unix.OpenHow{
		Flags:   uint64(flags) | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return -1, fmt.Errorf("/%s of the sandbox: %w", name, err)
	}
	var sfs unix.Statfs_t
	err = unix.Fstatfs(fd, &sfs)
	if err == nil && int64(sfs.Type) != magic {
		err = errors.New("is another file system")
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("/%s of the sandbox: %w", name, err)
	}
	return fd, nil
}

func (v *view) close() {
	for _, fd := range append(v.temporary, v.proc) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// each calls f with the number of each process inside, init among them, until it
// returns false.
func (v *view) each(f func(pid string) bool) error {
	if _, err := unix.Seek(v.proc, 0, 0); err != nil {
		return err
	}
	names, err := v.list(v.proc)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' && !f(name) {
			break
		}
	}
	return nil
}

func (v *view) list(dir int) (names []string, err error) {
	for {
		n, err := unix.ReadDirent(dir, v.buf)
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(v.buf[:n], -1, names)
	}
}

// read returns a file of /proc as far as it fits into the buffer; nothing when the
// process is gone.
func (v *view) read(name string) []byte {
	fd, err := unix.Openat(v.proc, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, v.buf)
	if err != nil {
		return nil
	}
	return v.buf[:n]
}
