package store

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

var (
	// ErrNotFound says that the store does not hold what was asked for.
	ErrNotFound = errors.New("not in the store")
	// ErrCorrupt says that stored bytes are not those that were put.
	ErrCorrupt = errors.New("damaged in the store")
	// ErrNoSpace says that the file system holds less than a write session
	// wants. The error's type is *SpaceError.
	ErrNoSpace = errors.New("no space")
	// ErrFormat says that the directory is a store of a layout that this
	// program does not know, or no store at all.
	ErrFormat = errors.New("not a store of a known layout")
	// ErrNewer says that a newer program made the store; it is an ErrFormat.
	ErrNewer = errors.New("a newer pbuild made it")
	// ErrOwner says that the store belongs to another user.
	ErrOwner = errors.New("store of another user")
	// ErrBusy says that others hold the store for longer than GC waits.
	ErrBusy = errors.New("store in use")
)

// isLost reports whether what err is about is not there as it was put.
func isLost(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) }

// isPassing reports whether err says that something could not be looked at just now, such
// as for want of descriptors: it may be there.
func isPassing(err error) bool {
	var errno unix.Errno
	return errors.As(err, &errno) && !isLost(err)
}

// isUnreadable reports whether err is of a file that has not the owner, the mode or the
// kind that the store gave it, or that the disk does not read: it is damaged.
func isUnreadable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOTDIR) ||
		errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EIO)
}

// SpaceError tells where space ran out and what was left; errors.Is finds
// ErrNoSpace in it.
type SpaceError struct {
	Path   string // the store's directory
	Free   int64  // bytes that this user could still write
	Inodes bool   // it is inodes, not bytes, that ran out
}

func (e *SpaceError) Error() string {
	if e.Inodes {
		return fmt.Sprintf("%s: no space: no inodes free", e.Path)
	}
	return fmt.Sprintf("%s: no space: %d bytes free", e.Path, e.Free)
}

// Is makes errors.Is(err, ErrNoSpace) true.
func (e *SpaceError) Is(target error) bool { return target == ErrNoSpace }
