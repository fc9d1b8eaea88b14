package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// removeDepth is how far removal goes down before it moves what is deeper up,
// so that a hostile depth costs no stack and no descriptors.
const removeDepth = 64

// removeAll removes path and what is below it, whatever the modes: builds
// leave directories of mode 0555, and overlayfs leaves work/work of mode 000.
// It follows no symbolic link, also when one is swapped in meanwhile, and is
// content when path does not exist.
func removeAll(path string) error {
	err := remove(path)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "remove", Path: path, Err: err}
	}
	return nil
}

func remove(path string) error {
	parent, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	name := filepath.Base(path)
	if isDir, err := unlink(parent, name); !isDir {
		return err
	}
	top, err := openToEmpty(parent, name)
	if err != nil {
		return err
	}
	defer top.Close()
	for {
		moved, err := empty(top, top, 0)
		if err != nil {
			return err
		}
		err = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
		if !moved || !errors.Is(err, unix.ENOTEMPTY) {
			return err
		}
		if _, err := top.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}

// unlink removes what is not a directory.
func unlink(parent int, name string) (isDir bool, err error) {
	err = unix.Unlinkat(parent, name, 0)
	if errors.Is(err, unix.EISDIR) {
		return true, nil
	}
	return false, err
}

// empty removes what dir holds; directories that are too deep are moved into
// top under new names.
func empty(dir, top *os.File, depth int) (moved bool, err error) {
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			m, err := emptyEntry(dir, name, top, depth)
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return moved, err
			}
			moved = moved || m
		}
		if errors.Is(err, io.EOF) {
			return moved, nil
		}
		if err != nil {
			return moved, err
		}
	}
}

func emptyEntry(dir *os.File, name string, top *os.File, depth int) (moved bool, err error) {
	isDir, err := unlink(int(dir.Fd()), name)
	if !isDir {
		return false, err
	}
	sub, err := openToEmpty(int(dir.Fd()), name)
	if err != nil {
		return false, err
	}
	defer sub.Close()
	if depth == removeDepth {
		return true, unix.Renameat(int(dir.Fd()), name, int(top.Fd()), randomName())
	}
	if moved, err = empty(sub, top, depth+1); err != nil {
		return moved, err
	}
	return moved, unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR)
}

// openToEmpty opens a directory for reading with all rights of its owner.
func openToEmpty(parent int, name string) (*os.File, error) {
	fd, err := unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&0o700 != 0o700 {
		// Through /proc, since fchmod refuses an O_PATH descriptor, and a path
		// could be swapped.
		if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), 0o700); err != nil {
			return nil, err
		}
	}
	rd, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(rd), name), nil
}

// readNames lists a directory without looking at its entries; one that is
// absent is empty.
func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}
