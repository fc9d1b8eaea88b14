package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const openDirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// cursor stands in one directory of a tree and holds the descriptors of all
// directories above it, so that a move to a near one costs few calls and no
// path is ever resolved by the kernel: each step is an openat of one name with
// O_NOFOLLOW. A directory whose mode bars its own owner is opened up while the
// cursor is in or below it and put back afterwards; without that, root and an
// ordinary user would see different trees.
type cursor struct {
	levels []level // the root first
}

type level struct {
	name   string
	fd     int
	mode   uint32 // to put back, when barred
	barred bool
}

// newCursor opens dir, which may be reached through symlinks.
func newCursor(dir string) (*cursor, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &cursor{levels: []level{{fd: fd}}}, nil
}

// enter moves to a directory given by its path from the root ("." is the root)
// and returns its descriptor, good until the next move. A component that is no
// directory is ErrUnsafe, an absent one unix.ENOENT.
func (c *cursor) enter(dir string) (int, error) {
	var names []string
	if dir != "." {
		names = strings.Split(dir, "/")
	}
	keep := 0
	for keep < len(names) && keep+1 < len(c.levels) && c.levels[keep+1].name == names[keep] {
		keep++
	}
	if err := c.leave(keep + 1); err != nil {
		return -1, err
	}
	for i := keep; i < len(names); i++ {
		l, err := openLevel(c.levels[i].fd, names[i])
		switch {
		case errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP):
			return -1, refuse(dir, "leads through "+quoteName(strings.Join(names[:i+1], "/"))+", which is no directory")
		case err != nil:
			return -1, fmt.Errorf("%s: %w", quoteName(strings.Join(names[:i+1], "/")), err)
		}
		c.levels = append(c.levels, l)
	}
	return c.levels[len(c.levels)-1].fd, nil
}

// leave closes all levels from n on, the deepest first.
func (c *cursor) leave(n int) (err error) {
	for len(c.levels) > n {
		l := c.levels[len(c.levels)-1]
		c.levels = c.levels[:len(c.levels)-1]
		if l.barred {
			err = errors.Join(err, unix.Fchmod(l.fd, l.mode))
		}
		unix.Close(l.fd)
	}
	return err
}

func (c *cursor) close() error { return c.leave(0) }

func openLevel(parent int, name string) (level, error) {
	l := level{name: name}
	var err error
	if l.fd, err = unix.Openat(parent, name, openDirFlags, 0); errors.Is(err, unix.EACCES) {
		l.fd, err = openBarred(parent, name, openDirFlags, 0o700)
	}
	if err != nil {
		return l, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(l.fd, &st); err != nil {
		unix.Close(l.fd)
		return l, err
	}
	if st.Mode&0o500 != 0o500 {
		l.mode, l.barred = st.Mode&0o7777, true
		if err := unix.Fchmod(l.fd, l.mode|0o700); err != nil {
			unix.Close(l.fd)
			return l, err
		}
	}
	return l, nil
}

// openBarred opens an entry that its owner may not open, by giving it the mode
// bits for the moment. It works on a descriptor, not on the name, so that a
// symlink put there is not followed.
func openBarred(parent int, name string, flags int, bits uint32) (int, error) {
	path, err := unix.Openat(parent, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(path)
	var st unix.Stat_t
	if err := unix.Fstat(path, &st); err != nil {
		return -1, err
	}
	if t := st.Mode & unix.S_IFMT; t != unix.S_IFREG && t != unix.S_IFDIR {
		return -1, unix.EACCES
	}
	self := "/proc/self/fd/" + strconv.Itoa(path)
	if err := unix.Chmod(self, st.Mode&0o7777|bits); err != nil {
		return -1, err
	}
	fd, err := unix.Openat(parent, name, flags, 0)
	if back := unix.Chmod(self, st.Mode&0o7777); err == nil && back != nil {
		unix.Close(fd)
		return -1, back
	}
	return fd, err
}
