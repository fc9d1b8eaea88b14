package sandbox

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// copier copies the entries of layers. The bytes of files are carried by
// threads of their own, all of which have init's capabilities: a file need not be
// readable for its owner.
type copier struct {
	files   chan copying
	workers sync.WaitGroup

	mu  sync.Mutex // guards err
	err error
}

// copying is a file whose bytes are still to come.
type copying struct {
	path     string
	from, to int
	st       unix.Stat_t
}

func newCopier() *copier {
	n := runtime.NumCPU()
	runtime.GOMAXPROCS(n)
	c := &copier{files: make(chan copying, 2*n)}
	for range n {
		c.workers.Go(func() {
			buf := make([]byte, 256<<10)
			for f := range c.files {
				if err := f.do(buf); err != nil {
					c.fail(fmt.Errorf("%q: %w", f.path, err))
				}
			}
		})
	}
	return c
}

func (c *copier) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// wait returns the first error, when all files are there.
func (c *copier) wait() error {
	close(c.files)
	c.workers.Wait()
	return c.err
}

// dir copies what a union shows into a new directory. Each path becomes a file
// of its own: of hard links within a layer, too, overlayfs changes only the path
// that is written to.
func (c *copier) dir(u union, to int, path string) error {
	all, err := u.list()
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	for name, s := range all {
		if s.isDir() {
			err = c.subdir(u, to, name, path+"/"+name, &s.Stat_t)
		} else if err = c.entry(s, to, name, path+"/"+name); err != nil {
			err = fmt.Errorf("%q: %w", path+"/"+name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) subdir(u union, to int, name, path string, st *unix.Stat_t) error {
	sub, err := u.descend(name)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	defer sub.close()
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	fd, err := openDir(to, name)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	defer unix.Close(fd)
	if err := c.dir(sub, fd, path); err != nil {
		return err
	}
	if err := dress(fd, st); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

func (c *copier) entry(s *shown, to int, name, path string) error {
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		from, err := unix.Openat(s.dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		fd, err := unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
		if err != nil {
			unix.Close(from)
			return err
		}
		c.files <- copying{path, from, fd, s.Stat_t}
		return nil
	case unix.S_IFLNK:
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(s.dir, name, target)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(string(target[:n]), to, name); err != nil {
			return err
		}
		return unix.UtimesNanoAt(to, name, times(&s.Stat_t), unix.AT_SYMLINK_NOFOLLOW)
	case unix.S_IFIFO, unix.S_IFSOCK:
		if err := unix.Mknodat(to, name, s.Mode, 0); err != nil {
			return err
		}
		if err := unix.Fchmodat(to, name, s.Mode&0o7777, 0); err != nil {
			return err
		}
		return unix.UtimesNanoAt(to, name, times(&s.Stat_t), unix.AT_SYMLINK_NOFOLLOW)
	}
	return fmt.Errorf("a device can't be copied")
}

// do carries the bytes: where the file system shares blocks between files (XFS,
// Btrfs) none are copied.
func (f *copying) do(buf []byte) error {
	defer unix.Close(f.from)
	defer unix.Close(f.to)
	if f.st.Size > 0 && unix.IoctlFileClone(f.to, f.from) != nil {
		for {
			n, err := unix.Read(f.from, buf)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			for b := buf[:n]; len(b) > 0; {
				n, err := unix.Write(f.to, b)
				if err != nil && !errors.Is(err, unix.EINTR) {
					return err
				}
				b = b[max(n, 0):]
			}
		}
	}
	return dress(f.to, &f.st)
}

// dress gives an open file or directory the mode and the times of another.
func dress(fd int, st *unix.Stat_t) error {
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil {
		return err
	}
	ts := times(st)
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts[0])), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func times(st *unix.Stat_t) []unix.Timespec { return []unix.Timespec{st.Atim, st.Mtim} }
