package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Where the kernel refuses an overlay, the layers are copied into one directory,
// which the program changes in place; afterwards what it changed is moved out of it, into
// the upper directory. How it is told: by the change time that nobody can set. What was
// copied has one between those of two stamps.
const (
	rootName     = "root"                 // the copy
	beforeName   = workName + "/before"   // a stamp
	afterName    = workName + "/after"    // a stamp
	replacedName = workName + "/replaced" // see readReplaced
	tickName     = workName + "/tick"     // see waitForTick
)

// copyLayers makes the copy. What an earlier run changed is moved into it, not copied.
func (c *cell) copyLayers() error {
	debug.SetGCPercent(100) // what layers and earlier runs hold has no bound here
	if err := stamp(c.scratchFD, beforeName); err != nil {
		return err
	}
	root, err := openDir(c.scratchFD, rootName)
	if err != nil {
		return fmt.Errorf("%s: %w", rootName, err)
	}
	defer unix.Close(root)
	u, err := openUnion(c.layers)
	if err != nil {
		return err
	}
	defer u.close()
	files := newCopier()
	err = files.dir(u, root, "")
	if err = errors.Join(files.wait(), err); err != nil {
		return err
	}
	if err := stamp(c.scratchFD, afterName); err != nil {
		return err
	}
	if err := waitForTick(c.scratchFD); err != nil {
		return err
	}
	upper, err := openDir(c.scratchFD, upperName)
	if err != nil {
		return fmt.Errorf("%s: %w", upperName, err)
	}
	defer unix.Close(upper)
	var o overlaying
	if err := o.lay(upper, root, nil); err != nil {
		return fmt.Errorf("%s: %w", upperName, err)
	}
	if err := o.write(c.scratchFD); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(upper, &st); err != nil {
		return fmt.Errorf("%s: %w", upperName, err)
	}
	return dress(root, &st)
}

func stamp(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Fchmod(fd, 0o600); err != nil { // a new change time
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// waitForTick returns when the file system's clock, which is coarse, has moved on
// from the second stamp: what is changed from now on has a later time.
func waitForTick(dir int) error {
	after, err := changed(dir, afterName)
	if err != nil {
		return err
	}
	for range 4000 {
		if err := stamp(dir, tickName); err != nil {
			return err
		}
		now, err := changed(dir, tickName)
		if err != nil {
			return err
		}
		if now != after {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s: the file system's clock stands still", tickName)
}

// changed returns a file's change time in nanoseconds since 1970.
func changed(dir int, name string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return st.Ctim.Nano(), nil
}

// overlaying moves an upper directory over a copy of the layers.
type overlaying struct {
	replaced []string // see readReplaced
}

func (o *overlaying) write(scratch int) error {
	fd, err := unix.Openat(scratch, replacedName, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", replacedName, err)
	}
	f := os.NewFile(uintptr(fd), replacedName)
	_, err = f.WriteString(strings.Join(o.replaced, "\x00"))
	return errors.Join(err, f.Close())
}

// readReplaced returns the directories, relative and with a slash at the end, that hide
// what the layers have there if they are there: earlier runs removed those of the layers.
func readReplaced(scratch int) ([]string, error) {
	fd, err := unix.Openat(scratch, replacedName, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", replacedName, err)
	}
	f := os.NewFile(uintptr(fd), replacedName)
	defer f.Close()
	b, err := io.ReadAll(f)
	return strings.Split(string(b), "\x00"), err
}

// lay moves what is in an upper directory over a copy of the layers, and leaves the
// upper one empty.
func (o *overlaying) lay(upper, root int, path *trail) error {
	names, err := entries(upper)
	if err != nil {
		return err
	}
	for _, name := range names {
		var st unix.Stat_t
		if err := unix.Fstatat(upper, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		victim, mark := hidden(name, &st)
		switch {
		case mark:
			if victim != "" {
				err = o.replace(root, path.below(victim))
			}
			if err == nil {
				err = unix.Unlinkat(upper, name, 0)
			}
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			err = o.layDir(upper, root, path.below(name), &st)
		default:
			if err = o.replace(root, path.below(name)); err == nil {
				err = unix.Renameat(upper, name, root, name)
			}
		}
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func (o *overlaying) layDir(upper, root int, path *trail, st *unix.Stat_t) error {
	name := path.name
	from, err := openDir(upper, name)
	if err != nil {
		return err
	}
	defer unix.Close(from)
	opaque, err := isOpaque(from)
	if err != nil {
		return err
	}
	var there unix.Stat_t
	err = unix.Fstatat(root, name, &there, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && (opaque || there.Mode&unix.S_IFMT != unix.S_IFDIR) {
		if err = o.replace(root, path); err == nil {
			err = unix.ENOENT
		}
	}
	if errors.Is(err, unix.ENOENT) {
		err = unix.Mkdirat(root, name, 0o700)
	}
	if err != nil {
		return err
	}
	to, err := openDir(root, name)
	if err != nil {
		return err
	}
	defer unix.Close(to)
	if err := o.lay(from, to, path); err != nil {
		return err
	}
	if err := dress(to, st); err != nil {
		return err
	}
	return unix.Unlinkat(upper, name, unix.AT_REMOVEDIR)
}

// replace removes what the layers have there, and notes that. What they don't have
// needs no note, of however many names.
func (o *overlaying) replace(dir int, path *trail) error {
	err := unix.Unlinkat(dir, path.name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = removeAt(dir, path.name)
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	o.replaced = append(o.replaced, path.path()+"/")
	return err
}
