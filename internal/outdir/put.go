package outdir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// SpaceError says that the file system of a file has no room for it. It is no
// ENOSPC to errors.Is: that is about the store, which may lie elsewhere.
type SpaceError struct{ Path string }

func (e *SpaceError) Error() string { return e.Path + ": no space left on device" }

// Put writes a file of dir by fill, whole or not at all, mode 0644. The error is a
// *SpaceError where there is no room for it.
func Put(dir, name string, fill func(*os.File) error) error {
	d, err := Open(dir)
	if err != nil {
		return full(dir, err)
	}
	defer d.Close()
	if err := put(d, name, unnamed, fill); err != nil {
		path := filepath.Join(dir, name)
		return full(path, fmt.Errorf("%s: %w", path, bare(err)))
	}
	return nil
}

func full(path string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return &SpaceError{path}
	}
	return err
}

// put makes the file by create, which may leave it without a name.
func put(d *os.Root, name string, create func(*os.Root, string) (*os.File, error), fill func(*os.File) error) error {
	temp := "." + name + "." + rand.Text()
	f, err := create(d, temp)
	if err != nil {
		return err
	}
	defer d.Remove(temp) // gone already when it was renamed
	defer f.Close()
	if err := fill(f); err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o644), link(d, f, temp), f.Close()); err != nil {
		return err
	}
	return d.Rename(temp, name)
}

// unnamed makes a file that has no name until link gives it one: of a process that is
// killed nothing is left. Where the file system can't, it has the name from the start.
func unnamed(d *os.Root, temp string) (*os.File, error) {
	f, err := d.OpenFile(".", os.O_RDWR|unix.O_TMPFILE, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EISDIR) {
		return named(d, temp)
	}
	return f, err
}

func named(d *os.Root, temp string) (*os.File, error) {
	return d.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// link names a file unless it has a name.
func link(d *os.Root, f *os.File, temp string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink > 0 {
		return err
	}
	at, err := d.Open(".")
	if err != nil {
		return err
	}
	defer at.Close()
	// By its descriptor: AT_EMPTY_PATH wants a capability.
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), int(at.Fd()), temp, unix.AT_SYMLINK_FOLLOW)
}

// bare drops the name of the temporary file, which says nothing to anybody. What is
// wrapped stays.
func bare(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}
