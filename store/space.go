package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// spaceFloor is the free space, in bytes, below which nothing begins to
	// write and the database is not even read: Badger maps its files, and a
	// full disk under a mapping kills the process with SIGBUS.
	spaceFloor = 64 << 20
	// reserveSize is what the reserve gives back to a full disk.
	reserveSize = 64 << 20
)

// free returns the bytes and inodes that this user may still take in dir's
// file system; inodes is -1 where the file system does not count them.
func free(dir string) (bytes, inodes int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	inodes = -1
	if st.Files > 0 {
		inodes = int64(st.Ffree)
	}
	return int64(st.Bavail) * st.Bsize, inodes, nil
}

// checkSpace refuses with a *SpaceError below the floor.
func (s *Store) checkSpace() error {
	bytes, inodes, err := free(s.dir)
	switch {
	case err != nil:
		return err
	case bytes < spaceFloor:
		return &SpaceError{Path: s.dir, Free: bytes}
	case inodes == 0:
		return &SpaceError{Path: s.dir, Inodes: true}
	}
	return nil
}

// spaceError turns «no space» of the kernel into a *SpaceError with the figure
// of this moment; other errors stay as they are.
func spaceError(dir string, err error) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	bytes, inodes, ferr := free(dir)
	if ferr != nil {
		bytes = 0 // the figure is for people; the state is certain
	}
	return &SpaceError{Path: dir, Free: bytes, Inodes: inodes == 0}
}

// NoSpace turns «no space» of the kernel, said of a file in a Scratch of this store,
// into a *SpaceError; other errors stay as they are.
func (s *Store) NoSpace(err error) error { return spaceError(s.dir, err) }

// makeReserve takes the reserve's blocks where there is room for it and the
// floor twice over. A store without a reserve works: the reserve only gives GC
// on a full disk some air.
func (s *Store) makeReserve() {
	path := s.path(reserveFile)
	if info, err := os.Stat(path); err == nil && info.Size() == reserveSize {
		return
	}
	if bytes, _, err := free(s.dir); err != nil || bytes < reserveSize+2*spaceFloor {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Fallocate(int(f.Fd()), 0, 0, reserveSize) != nil {
		// Written zeros would cost more than they are worth where the file
		// system cannot preallocate.
		os.Remove(path)
	}
}

// freeReserve gives the reserve's blocks back when space is below the floor.
func (s *Store) freeReserve() error {
	if bytes, _, err := free(s.dir); err != nil || bytes >= spaceFloor {
		return err
	}
	if err := os.Remove(s.path(reserveFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
