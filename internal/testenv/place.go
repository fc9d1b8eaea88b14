package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/sandbox"
)

// placeVariable names the place. It is set for the processes that a test run
// starts, so that all of it has one.
const placeVariable = "PBUILD_TEST_STORE"

const (
	rootPlace = "/var/tmp/pbuild-test"
	rootUID   = 700123 // owns rootPlace unless somebody else does
)

// place is the directory that outlives test runs. Besides the shared store it
// holds directories of test runs, each locked while its run lives.
type place struct {
	dir string
	uid int
}

// findPlace returns the place, made when absent. It is its owner's alone.
func findPlace() (place, error) {
	dir := os.Getenv(placeVariable)
	root := os.Geteuid() == 0
	switch {
	case dir != "":
	case root:
		dir = rootPlace
	default:
		cache, err := os.UserCacheDir()
		if err != nil {
			return place{}, fmt.Errorf("test store: %w: %s says where", err, placeVariable)
		}
		dir = filepath.Join(cache, "pbuild-test")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	p := place{dir, os.Geteuid()}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return place{}, fmt.Errorf("test store: %w", err)
	}
	err = os.Mkdir(dir, 0o700)
	if err == nil && root {
		err = os.Lchown(dir, rootUID, rootUID)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return place{}, fmt.Errorf("test store: %w", err)
	}
	// In /var/tmp anybody could have made it.
	info, err := os.Lstat(dir)
	if err != nil {
		return place{}, fmt.Errorf("test store: %w", err)
	}
	owner := int(info.Sys().(*syscall.Stat_t).Uid)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || owner == 0 || !root && owner != p.uid {
		return place{}, fmt.Errorf("test store %s: %s of uid %d: want a directory of mode 0700 that an unprivileged user owns", dir, info.Mode(), owner)
	}
	p.uid = owner
	return p, nil
}

// newDir makes a directory of mode 0700 in the place. done removes it, whatever
// is in it; what dead processes left is removed now.
func (p place) newDir(pattern string) (dir string, done func() error, err error) {
	// Whoever holds this sees no directory that is made but not yet locked.
	gate, err := p.lock()
	if err != nil {
		return "", nil, err
	}
	defer gate.Close()
	if err := p.sweep(); err != nil {
		return "", nil, err
	}
	if dir, err = os.MkdirTemp(p.dir, runPrefix+pattern+"-"); err != nil {
		return "", nil, err
	}
	if err := os.Lchown(dir, p.uid, -1); err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	held, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(held.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	return dir, func() error { return errors.Join(sandbox.RemoveScratch(dir), held.Close()) }, nil
}

// runPrefix begins the names of directories of test runs.
const runPrefix = "run-"

// sweep removes the directories of runs that died. The caller holds the lock.
func (p place) sweep() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), runPrefix) {
			continue
		}
		f, err := os.Open(filepath.Join(p.dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = sandbox.RemoveScratch(f.Name())
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// lock waits for the place's lock, which ends with Close.
func (p place) lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(p.dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chown(p.uid, -1), unix.Flock(int(f.Fd()), unix.LOCK_EX)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
