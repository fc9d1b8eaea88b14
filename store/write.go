package store

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeFile replaces the file name of the store: a crash leaves the old bytes
// or the new ones, and they are on the disk when it returns.
func (s *Store) writeFile(name string, b []byte, mode os.FileMode) error {
	f, err := s.tempFile("file")
	if err != nil {
		return spaceError(s.dir, err)
	}
	defer f.Close()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.publish(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, ignoreNotExist(os.Remove(f.Name())))
	}
	return spaceError(s.dir, err)
}

// publish renames a synced temporary to its name in the store, durably.
func (s *Store) publish(temp, name string) error {
	if err := os.Rename(temp, s.path(name)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(s.path(name)))
}

// syncDir makes the names of a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// moveDir renames a directory whatever its mode: the kernel wants the right to
// write into a directory that changes its parent.
func moveDir(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EACCES) {
		return err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.Chmod(from, 0o700); err != nil {
		return err
	}
	// A crash before the mode is back makes the tree differ from its ledger:
	// it is noticed and made again.
	return errors.Join(os.Rename(from, to), os.Chmod(to, info.Mode()))
}

func ignoreNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
