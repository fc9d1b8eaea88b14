package tree

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// bufferSize is large enough that most files of a distribution take one read and one write.
const bufferSize = 256 << 10

// maxDiskTime is the latest time that is set on disk, in 2106: later ones, and
// those before 1970, not all file systems keep. The ledger has them as they are.
const maxDiskTime = 1<<32 - 1

// diskTime returns the time that a file with the recorded time has on disk.
func diskTime(t int64) int64 { return min(max(t, 0), maxDiskTime) }

// diskMode returns the mode that a file with the recorded one has on disk:
// setuid and setgid would be real on the host.
func diskMode(m uint32) uint32 { return m &^ 0o6000 }

func setTime(dirfd int, name string, t int64) error {
	ts := unix.Timespec{Sec: diskTime(t)}
	return unix.UtimesNanoAt(dirfd, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// setTimeOf is setTime of an open file: futimens(3), which x/sys lacks.
func setTimeOf(fd int, t int64) error {
	ts := [2]unix.Timespec{{Sec: diskTime(t)}, {Sec: diskTime(t)}}
	_, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// putFile makes a new file from size bytes of r and returns their digest.
func putFile(dirfd int, name string, mode uint32, mtime int64, r io.Reader, size int64, buf []byte) (digest.Digest, error) {
	h := digest.NewHasher()
	err := makeFile(dirfd, name, mode, mtime, func(fd int) error {
		for left := size; left > 0; {
			n, err := io.ReadFull(r, buf[:min(left, int64(len(buf)))])
			if err != nil {
				return err
			}
			h.Write(buf[:n])
			if err := writeAll(fd, buf[:n]); err != nil {
				return err
			}
			left -= int64(n)
		}
		return nil
	})
	if err != nil {
		return digest.Digest{}, err
	}
	return h.Digest(), nil
}

// makeFile makes a new file and lets fill write it.
func makeFile(dirfd int, name string, mode uint32, mtime int64, fill func(fd int) error) error {
	fd, err := unix.Openat(dirfd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := fill(fd); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, diskMode(mode)); err != nil {
		return err
	}
	return setTimeOf(fd, mtime)
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		p = p[max(n, 0):]
	}
	return nil
}

func putSymlink(dirfd int, name, target string, mtime int64) error {
	if err := unix.Symlinkat(target, dirfd, name); err != nil {
		return err
	}
	return setTime(dirfd, name, mtime)
}

// finishDir gives the directory behind fd its recorded mode and time. The time
// comes first: without the x bit "." can't be looked up.
func finishDir(fd int, mode uint32, mtime int64) error {
	if err := setTime(fd, ".", mtime); err != nil {
		return err
	}
	return unix.Fchmod(fd, diskMode(mode))
}

// SetDirs gives the directories of l their recorded modes and times, deepest
// first; entries of other kinds, and the root, are passed over. Call it once all that fills
// the directories is done: each new entry moves its directory's time.
func SetDirs(dir string, l Ledger) (err error) {
	c, err := newCursor(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].Kind != Dir || l[i].Path == "." {
			continue
		}
		fd, err := c.enter(l[i].Path)
		if err != nil {
			return err
		}
		c.levels[len(c.levels)-1].barred = false
		if err := finishDir(fd, l[i].Mode, l[i].MTime); err != nil {
			return fmt.Errorf("%s: %w", quoteName(l[i].Path), err)
		}
	}
	return nil
}
