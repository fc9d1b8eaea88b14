package sandbox

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// separate moves what the program changed out of the copy of the layers into the
// upper directory, in the form that an overlay would have left there, and removes the copy.
func (c *cell) separateChanges() (err error) {
	debug.SetGCPercent(100) // how much there is to look at is up to the program
	s := separation{touched: map[string]bool{}}
	for _, name := range c.touched {
		s.touched[name] = true
	}
	was, err := readReplaced(c.scratchFD)
	if err != nil {
		return err
	}
	for _, name := range was {
		s.touched[name] = true
	}
	if s.before, err = changed(c.scratchFD, beforeName); err != nil {
		return err
	}
	if s.after, err = changed(c.scratchFD, afterName); err != nil {
		return err
	}
	root, err := openDir(c.scratchFD, rootName)
	if err != nil {
		return fmt.Errorf("%s: %w", rootName, err)
	}
	defer unix.Close(root)
	if s.top, err = openDir(c.scratchFD, upperName); err != nil {
		return fmt.Errorf("%s: %w", upperName, err)
	}
	defer unix.Close(s.top)
	u, err := openUnion(c.layers)
	if err != nil {
		return err
	}
	defer u.close()
	up := &upperDir{fd: s.top}
	if err := unix.Fstat(root, &up.st); err != nil {
		return err
	}
	if err := s.dir(root, u, up, nil); err != nil {
		return err
	}
	if err := dress(s.top, &up.st); err != nil {
		return err
	}
	return removeAt(c.scratchFD, rootName)
}

type separation struct {
	top           int             // the upper directory
	before, after int64           // change times of the stamps
	touched       map[string]bool // see touchedFiles
}

// upperDir is a directory of the upper one, made when there is something to put into it.
type upperDir struct {
	parent *upperDir
	name   string
	st     unix.Stat_t // of the copy
	fd     int         // -1: not made
}

func (d *upperDir) open() (int, error) {
	if d.fd >= 0 {
		return d.fd, nil
	}
	parent, err := d.parent.open()
	if err != nil {
		return -1, err
	}
	if err := unix.Mkdirat(parent, d.name, 0o700); err != nil {
		return -1, err
	}
	d.fd, err = openDir(parent, d.name)
	return d.fd, err
}

// mostLevels is as deep as a layer may be (package tree). Each level takes
// descriptors here.
const mostLevels = 255

// dir separates one directory. The union is what the layers show of it, empty when
// that is none of it.
func (s *separation) dir(root int, u union, up *upperDir, path *trail) error {
	if path != nil && path.depth > mostLevels {
		return fmt.Errorf("%q: more than %d levels deep", path, mostLevels)
	}
	lower, err := u.list()
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	names, err := entries(root)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	for _, name := range names {
		below := lower[name]
		delete(lower, name)
		if err := s.entry(root, u, up, path.below(name), below); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lower)) {
		fd, err := up.open()
		if err == nil {
			err = putWhiteout(s.top, fd, name)
		}
		if err != nil {
			return fmt.Errorf("whiteout of %q: %w", path.below(name), err)
		}
	}
	return nil
}

func (s *separation) entry(root int, u union, up *upperDir, path *trail, below *shown) error {
	name := path.name
	if strings.HasPrefix(name, whiteoutPrefix) {
		return fmt.Errorf("%q: a name that means a whiteout in a layer", path)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(root, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return s.subdir(root, u, up, path, &st, below)
	}
	if s.asCopied(&st, below) && !s.touched[path.path()] {
		return nil
	}
	fd, err := up.open()
	if err == nil {
		err = unix.Renameat(root, name, fd, name)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

func (s *separation) subdir(root int, u union, up *upperDir, path *trail, st *unix.Stat_t, below *shown) (err error) {
	name := path.name
	d := &upperDir{parent: up, name: name, st: *st, fd: -1}
	defer func() {
		if d.fd >= 0 {
			unix.Close(d.fd)
		}
		if err != nil && !strings.HasPrefix(err.Error(), `"`) {
			err = fmt.Errorf("%q: %w", path, err)
		}
	}()
	fd, err := openDir(root, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var sub union
	merged := below != nil && below.isDir() && !s.touched[path.path()+"/"]
	if merged {
		if sub, err = u.descend(name); err != nil {
			return err
		}
		defer sub.close()
	} else if _, err = d.open(); err == nil && below != nil {
		err = putOpaque(s.top, d.fd)
	}
	if err != nil {
		return err
	}
	if merged && !s.asCopied(st, below) {
		if _, err := d.open(); err != nil {
			return err
		}
	}
	if err := s.dir(fd, sub, d, path); err != nil {
		return err
	}
	if d.fd < 0 {
		return nil
	}
	return dress(d.fd, st)
}

// asCopied tells whether an entry of the copy is what was copied. The change time alone
// would do, but for a clock that was set back.
func (s *separation) asCopied(st *unix.Stat_t, below *shown) bool {
	if below == nil || below.Mode != st.Mode || below.Mtim != st.Mtim {
		return false
	}
	if !below.isDir() && below.Size != st.Size {
		return false
	}
	c := st.Ctim.Nano()
	return s.before <= c && c <= s.after
}
