package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
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

// each calls f with the number of each process inside, init among them.
func (v *view) each(f func(pid string)) error {
	if _, err := unix.Seek(v.proc, 0, 0); err != nil {
		return err
	}
	var names []string
	for {
		n, err := unix.ReadDirent(v.proc, v.buf)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		_, _, names = unix.ParseDirent(v.buf[:n], -1, names)
	}
	for _, name := range names {
		if name[0] >= '0' && name[0] <= '9' {
			f(name)
		}
	}
	return nil
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

// census counts processes and threads, and adds up what is resident of each
// process. What several have is counted several times there, and cached files
// are counted too: an upper bound, which is cheap.
func (v *view) census() (tasks, resident int64, err error) {
	page := int64(os.Getpagesize())
	err = v.each(func(pid string) {
		var st unix.Stat_t
		if unix.Fstatat(v.proc, pid+"/task", &st, 0) != nil {
			return
		}
		tasks += int64(st.Nlink) - 2 // a directory for each thread
		f := bytes.Fields(v.read(pid + "/statm"))
		if len(f) > 1 {
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			resident += n * page
		}
	})
	return tasks, resident, err
}

// inTemporary returns the bytes in the temporary file systems. An empty file costs
// the kernel something too.
func (v *view) inTemporary() (used int64, err error) {
	const inode = 1 << 10
	for _, fd := range v.temporary {
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err != nil {
			return 0, err
		}
		used += int64(st.Blocks-st.Bfree)*st.Bsize + int64(st.Files-st.Ffree)*inode
	}
	return used, nil
}

// held returns the bytes that the processes hold, each page once: proc(5),
// smaps_rollup. It costs the time of a walk through their page tables.
func (v *view) held() (used int64, err error) {
	var private, shared int64
	err = v.each(func(pid string) {
		for line := range bytes.Lines(v.read(pid + "/smaps_rollup")) {
			f := bytes.Fields(line)
			if len(f) < 2 {
				continue
			}
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			switch string(f[0]) {
			case "Pss_Anon:", "SwapPss:":
				private += n << 10
			case "Pss_Shmem:":
				shared += n << 10
			}
		}
	})
	if err != nil {
		return 0, err
	}
	files, err := v.inTemporary()
	if err != nil {
		return 0, err
	}
	// A mapped file of a tmpfs or memfd stands on both sides.
	return private + max(shared, files+v.inMemfds()), nil
}

// inMemfds returns the bytes of files without a name that lie in memory.
func (v *view) inMemfds() (used int64) {
	v.unnamed(func(st *unix.Stat_t) {
		if st.Dev == v.memory {
			used += st.Blocks * 512
		}
	})
	return used
}

// unlinked returns the bytes of files on a disk that were removed and are still
// open. A process can close its list of files to its user, as with PR_SET_DUMPABLE:
// then Limits.Free is what holds.
func (v *view) unlinked() (used int64) {
	var own []uint64
	for _, fd := range v.temporary {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			own = append(own, st.Dev)
		}
	}
	v.unnamed(func(st *unix.Stat_t) {
		for _, dev := range append(own, v.memory) {
			if st.Dev == dev {
				return
			}
		}
		used += st.Blocks * 512
	})
	return used
}

// unnamed calls f once with each open regular file that no directory names.
func (v *view) unnamed(f func(*unix.Stat_t)) {
	type file struct{ dev, ino uint64 }
	seen := map[file]bool{}
	_ = v.each(func(pid string) {
		dir, err := unix.Openat(v.proc, pid+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(dir)
		for {
			n, err := unix.ReadDirent(dir, v.buf)
			if err != nil || n == 0 {
				return
			}
			_, _, names := unix.ParseDirent(v.buf[:n], -1, nil)
			for _, name := range names {
				var st unix.Stat_t
				if unix.Fstatat(dir, name, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 0 {
					continue
				}
				if key := (file{st.Dev, st.Ino}); !seen[key] {
					seen[key] = true
					f(&st)
				}
			}
		}
	})
}
