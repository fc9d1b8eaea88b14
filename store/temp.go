package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Things in the making stand in tmp/ under random names. Each is locked by the
// process that makes it, so that a sweep can tell the living from the dead
// without asking for a process id or for the time.

// randomName returns 16 hexadecimal digits.
func randomName() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// tempFile makes a locked file of mode 0600 in tmp/, for writing. Its lock
// ends when it is closed.
func (s *Store) tempFile(prefix string) (*os.File, error) {
	for {
		path := s.path(tmpDir, prefix+"-"+randomName())
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		ok, err := tryFlock(f, unix.LOCK_EX)
		if err == nil && ok && isNamed(f, path) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		// A sweep came between and took it for a dead one.
	}
}

// tempDir is a locked directory of mode 0700 in tmp/.
type tempDir struct {
	path string
	lock flock
}

func (s *Store) tempDir(prefix string) (tempDir, error) {
	for {
		path := s.path(tmpDir, prefix+"-"+randomName())
		if err := os.Mkdir(path, 0o700); err != nil {
			return tempDir{}, err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return tempDir{}, errors.Join(err, os.Remove(path))
		}
		ok, err := tryFlock(f, unix.LOCK_EX)
		if err == nil && ok && isNamed(f, path) {
			return tempDir{path, flock{f}}, nil
		}
		f.Close()
		if err != nil {
			return tempDir{}, errors.Join(err, os.Remove(path))
		}
	}
}

// remove takes the directory away with all that is in it.
func (d tempDir) remove() error {
	err := removeAll(d.path)
	d.lock.release()
	return err
}

// deadTemps returns the names in tmp/ whose makers are gone.
func (s *Store) deadTemps() ([]string, error) {
	var dead []string
	err := s.eachDeadTemp(func(name string) error {
		dead = append(dead, name)
		return nil
	})
	return dead, err
}

// sweepTemps removes what dead processes left in tmp/. What cannot be removed
// now, because a process of a dead build still dies, stays for the next sweep.
func (s *Store) sweepTemps() error {
	return s.eachDeadTemp(func(name string) error {
		err := removeAll(s.path(tmpDir, name))
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOTEMPTY) {
			return nil
		}
		return err
	})
}

// eachDeadTemp calls fn with the name locked, so that two sweeps do not meet.
func (s *Store) eachDeadTemp(fn func(name string) error) error {
	names, err := readNames(s.path(tmpDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := os.OpenFile(s.path(tmpDir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		dead, err := tryFlock(f, unix.LOCK_EX)
		if err == nil && dead {
			err = fn(name)
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
