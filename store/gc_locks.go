package store

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// sweepLocks removes the locks of keys, names and trees that nobody holds;
// who waits for one notices and makes it anew.
func (s *Store) sweepLocks() error {
	names, err := readNames(s.path(locksDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case gcGate, dbGate, dbTurn, journalLock, rootsLock:
			continue
		}
		if strings.HasPrefix(name, sessionPrefix) {
			continue
		}
		if err := removeFree(s.path(locksDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// removeFree removes a lock file while holding its lock, unless another holds it.
func removeFree(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	ok, err := tryFlock(f, unix.LOCK_EX)
	if err != nil || !ok {
		return err
	}
	return ignoreNotExist(os.Remove(path))
}
