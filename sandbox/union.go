package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// union is one directory of several layers, as an overlay shows it: the parts
// of it, topmost first, as descriptors that are read.
type union []int

// openUnion reopens the tops of layers, which come bottom first.
func openUnion(layers []int) (u union, err error) {
	for i := len(layers) - 1; i >= 0; i-- {
		fd, err := openDir(layers[i], ".")
		if err != nil {
			u.close()
			return nil, err
		}
		u = append(u, fd)
	}
	return u, nil
}

func (u union) close() {
	for _, fd := range u {
		unix.Close(fd)
	}
}

func openDir(dir int, name string) (int, error) {
	return unix.Openat(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// shown is an entry of a union: the topmost layer's.
type shown struct {
	dir int // of the part that has it
	unix.Stat_t
}

func (s *shown) isDir() bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// list returns what the union shows, by name.
func (u union) list() (map[string]*shown, error) {
	all := map[string]*shown{}
	for _, dir := range u {
		names, err := entries(dir)
		if err != nil {
			return nil, err
		}
		here := map[string]*shown{}
		for _, name := range names {
			s := &shown{dir: dir}
			if err := unix.Fstatat(dir, name, &s.Stat_t, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
			victim, mark := hidden(name, &s.Stat_t)
			switch {
			case !mark:
				here[name] = s
			case victim != "":
				here[victim] = nil
			}
		}
		for name, s := range here {
			if _, above := all[name]; !above {
				all[name] = s
			}
		}
	}
	for name, s := range all {
		if s == nil {
			delete(all, name)
		}
	}
	return all, nil
}

// descend returns a directory of a union, which shows it as one.
func (u union) descend(name string) (sub union, err error) {
	defer func() {
		if err != nil {
			sub.close()
		}
	}()
	for _, dir := range u {
		fd, err := openDir(dir, name)
		if errors.Is(err, unix.ENOENT) {
			if covered, err := exists(dir, whiteoutPrefix+name); err != nil || covered {
				return sub, err
			}
			continue
		}
		if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
			return sub, nil
		}
		if err != nil {
			return sub, err
		}
		sub = append(sub, fd)
		if opaque, err := isOpaque(fd); err != nil || opaque {
			return sub, err
		}
	}
	return sub, nil
}

// entries returns the names in a directory.
func entries(dir int) (names []string, err error) {
	if _, err := unix.Seek(dir, 0, 0); err != nil {
		return nil, err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(dir, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
