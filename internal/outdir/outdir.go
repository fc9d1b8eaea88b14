// Package outdir opens what pbuild writes outside of its store for its caller: the
// folder of the packages, of a report, of a new collection.
//
// Invariant: root writes where root said. A collection may belong to somebody else,
// and root's working directory lie in it: no symbolic link of another user's leads
// root out of there, neither in the last place nor on the way. An ordinary user
// follows links as every program does.
package outdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrForeignLink is wrapped by what Open and OpenFile say of a symbolic link that
// is not root's, to root.
var ErrForeignLink = errors.New("a symbolic link of another user, which root does not follow")

// maxLinks is the kernel's bound for a path, see path_resolution(7).
const maxLinks = 40

// Open opens a directory; it is made when absent, and so is what is missing above.
// The caller closes it.
func Open(dir string) (*os.Root, error) {
	if unix.Geteuid() != 0 {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		return os.OpenRoot(dir)
	}
	return openAsRoot(dir, true)
}

func openAsRoot(dir string, missing bool) (*os.Root, error) {
	plain, err := follow(dir, missing)
	if err != nil {
		return nil, err
	}
	// What was swapped since is a link, or was moved by who may move it.
	fd, err := unix.Openat2(unix.AT_FDCWD, plain, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, &fs.PathError{Op: "mkdir", Path: dir, Err: err} // as os.MkdirAll says it
	}
	defer unix.Close(fd)
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// follow returns the path of a directory without a symbolic link; those of
// root are followed. What is
// absent is made where missing says so.
func follow(dir string, missing bool) (string, error) {
	if !filepath.IsAbs(dir) {
		wd, err := workingDir()
		if err != nil {
			return "", err
		}
		dir = wd + "/" + dir // not Clean: «link/..» is the folder above what link names
	}
	at, left := "/", strings.Split(dir, "/")
	for links := 0; len(left) > 0; {
		name := left[0]
		left = left[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		path := filepath.Join(at, name)
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		if err == unix.ENOENT && missing {
			if err := os.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			err = unix.Lstat(path, &st)
		}
		if err != nil {
			return "", &fs.PathError{Op: "lstat", Path: path, Err: err}
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			at = path
			continue
		}
		if st.Uid != 0 {
			return "", fmt.Errorf("%s: %w", path, ErrForeignLink)
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: dir, Err: unix.ELOOP}
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		left = slices.Concat(strings.Split(target, "/"), left)
	}
	return at, nil
}

// workingDir is the kernel's name of the working directory: that of $PWD may have
// links.
func workingDir() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		return "", os.NewSyscallError("getcwd", err)
	}
	return string(buf[:n-1]), nil // without the NUL
}

// OpenFile opens a file for writing, and empties it; it is made when absent, its
// folder is not. It may
// be a pipe, or a device; a pipe that nobody reads is an error and not waited for.
func OpenFile(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC | unix.O_NONBLOCK
	var f *os.File
	var err error
	if unix.Geteuid() == 0 {
		f, err = openFileAsRoot(path, flags)
	} else {
		f, err = os.OpenFile(path, flags, 0o666)
	}
	if errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("%s: nobody reads this pipe", path)
	}
	return f, err
}

func openFileAsRoot(path string, flags int) (*os.File, error) {
	dir, err := openAsRoot(filepath.Dir(path), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	name := filepath.Base(path)
	info, err := dir.Lstat(name)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		at, err := dir.Open(".")
		if err != nil {
			return nil, err
		}
		defer at.Close()
		fd, err := unix.Openat(int(at.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o666)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil // its errors name the path as it was given
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrForeignLink)
	}
	return os.OpenFile(path, flags, 0o666) // such as /dev/stderr
}
