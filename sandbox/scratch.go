package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// prepareScratch makes what Run needs in a scratch directory. The work
// directory of an earlier run is of no use again: overlayfs marks it on a
// volatile mount and refuses a second one.
func prepareScratch(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != 0o700 {
		return fmt.Errorf("%s: mode %04o, owner %d: want mode 0700 and owner %d", dir, st.Mode&0o7777, st.Uid, os.Geteuid())
	}
	for _, name := range []string{workName, pointsName} {
		if err := removeAt(fd, name); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	for _, name := range []string{upperName, workName, pointsName} {
		err := unix.Mkdirat(fd, name, 0o755)
		if name == upperName && errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			// The umask took part in mkdir, and upper's mode is that of / inside.
			err = unix.Fchmodat(fd, name, 0o755, 0)
		}
		if err != nil {
			return fmt.Errorf("%s/%s: %w", dir, name, err)
		}
	}
	return checkAttributes(dir, fd)
}

// checkAttributes tries a user.* attribute where the file system may lack
// them: the overlay would mount, and fail later when a directory is removed.
func checkAttributes(dir string, fd int) error {
	var sfs unix.Statfs_t
	if err := unix.Fstatfs(fd, &sfs); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if sfs.Type != unix.TMPFS_MAGIC {
		return nil
	}
	const name = "user.pbuild.probe"
	if err := unix.Fsetxattr(fd, name, nil, 0); err != nil {
		return fmt.Errorf("%s: attribute %s: %w", dir, name, err)
	}
	return unix.Fremovexattr(fd, name)
}

// RemoveScratch removes a scratch directory and all in it, whatever modes a
// program left there; a directory that does not exist is no error. It follows
// no symbolic link, dir itself included, and does not go into a file system
// mounted below. It goes on after an error and returns the first one.
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
	r := remover{top: fd, moved: 0}
	r.empty(fd, name, 0)
	// Directories that were moved to the top wait there; removing one can move
	// others there.
	for r.err == nil && r.moved > 0 {
		r.moved = 0
		r.empty(fd, name, 0)
	}
	unix.Close(fd)
	if err := unix.Unlinkat(parent, name, unix.AT_REMOVEDIR); err != nil {
		r.note(name, err)
	}
	return r.err
}

// maxDepth bounds the descriptors that are open at once.
const maxDepth = 64

type remover struct {
	top   int // the directory that is removed
	moved int // directories moved there since the last pass
	next  int // number for the name of the next one
	err   error
}

func (r *remover) note(name string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

// empty removes all that is in a directory. It reads the entries again after
// each batch, as removal changes what a directory's position means.
func (r *remover) empty(fd int, name string, depth int) {
	d, err := reopen(fd)
	if err != nil {
		r.note(name, err)
		return
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(4096)
		removed := false
		for _, n := range names {
			if r.remove(fd, n, name+"/"+n, depth) {
				removed = true
			}
		}
		if len(names) == 0 || !removed {
			if err != nil && len(names) == 0 && !errors.Is(err, fs.ErrNotExist) && err.Error() != "EOF" {
				r.note(name, err)
			}
			return
		}
		if _, err := d.Seek(0, 0); err != nil {
			r.note(name, err)
			return
		}
	}
}

// remove reports whether the entry is gone from this directory.
func (r *remover) remove(dir int, name, shown string, depth int) bool {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return true
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		r.note(shown, err)
		return false
	}
	if unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) == nil {
		return true
	}
	child, err := openForRemoval(dir, name)
	if err != nil {
		r.note(shown, err)
		return false
	}
	defer unix.Close(child)
	if depth >= maxDepth {
		r.next++
		r.moved++
		to := "removed-" + strconv.Itoa(r.next)
		if err := unix.Renameat2(dir, name, r.top, to, unix.RENAME_NOREPLACE); err != nil {
			r.note(shown, err)
			return false
		}
		return true
	}
	r.empty(child, shown, depth+1)
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil {
		r.note(shown, err)
		return false
	}
	return true
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
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if st.Mode&0o700 != 0o700 {
		if err := unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// reopen opens a directory that is held by an O_PATH descriptor for reading.
func reopen(fd int) (*os.File, error) {
	n, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), "."), nil
}
