package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// RemoveScratch removes a scratch directory and all in it, whatever modes and
// depth a program left there; a directory that does not exist is no error. It
// follows no symbolic link, dir itself included, and does not go into a file
// system mounted below. It goes on after an error and returns the first one.
func RemoveScratch(dir string) error {
	parent, err := unix.Open(filepath.Dir(dir), pathFlags|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		defer unix.Close(parent)
		err = removeAt(parent, filepath.Base(dir))
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

// removeAt removes a directory in a directory.
func removeAt(parent int, name string) error {
	fd, err := openForRemoval(parent, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := remover{top: fd, moved: true}
	for r.moved {
		r.moved = false
		r.empty(fd, name, 0)
	}
	unix.Close(fd)
	r.rmdir(parent, name, name)
	return r.err
}

// maxDepth bounds the descriptors that are open at once. A directory below it
// is moved to the top and removed from there: to go on by path would follow
// links, and to go back by ".." could lead out of a directory that is moved.
const maxDepth = 64

type remover struct {
	top   int  // the directory that is removed
	moved bool // whether directories were moved there since the last pass
	next  int  // number for the name of the next one
	err   error
}

func (r *remover) note(name string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

func (r *remover) rmdir(dir int, name, shown string) {
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		r.note(shown, err)
	}
}

// empty removes all that is in the directory fd.
func (r *remover) empty(fd int, shown string, depth int) {
	n, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // fd can't be read
	if err != nil {
		r.note(shown, err)
		return
	}
	d := os.NewFile(uintptr(n), shown)
	defer d.Close()
	for {
		// What is removed meanwhile does not change what is still to come.
		names, err := d.Readdirnames(4096)
		for _, name := range names {
			r.remove(fd, name, shown+"/"+name, depth)
		}
		if err != nil {
			return // the end; an error shows when the directory is not empty
		}
	}
}

func (r *remover) remove(dir int, name, shown string, depth int) {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return
	}
	if !errors.Is(err, unix.EISDIR) {
		r.note(shown, err)
		return
	}
	if unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) == nil {
		return
	}
	child, err := openForRemoval(dir, name)
	if err != nil {
		r.note(shown, err)
		return
	}
	defer unix.Close(child)
	if depth >= maxDepth {
		r.moveToTop(dir, name, shown)
		return
	}
	r.empty(child, shown, depth+1)
	r.rmdir(dir, name, shown)
}

func (r *remover) moveToTop(dir int, name, shown string) {
	for {
		r.next++
		err := unix.Renameat2(dir, name, r.top, "removed-"+strconv.Itoa(r.next), unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			r.note(shown, err)
			return
		}
		r.moved = true
		return
	}
}

// openForRemoval opens a directory in a directory and gives its owner all
// rights to it. The mode is set through the descriptor, for a name could be
// swapped for a symbolic link in between.
func openForRemoval(dir int, name string) (int, error) {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   pathFlags | unix.O_DIRECTORY | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && st.Mode&0o700 != 0o700 {
		err = unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
