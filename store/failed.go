package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// failedDir holds, by key, what is left of builds that failed: the log, and the
// scratch directory where somebody asked to keep it. It is for people to look
// at; no lookup reads it, and GC takes what is older than failedAge.
const (
	failedDir = "failed"
	failedAge = 7 * 24 * time.Hour
)

func (s *Store) failedLog(k digest.Key) string   { return s.path(failedDir, k.Hex()+".log") }
func (s *Store) failedBuild(k digest.Key) string { return s.path(failedDir, k.Hex()) }

// KeepFailedLog keeps the log of a failed build of k in place of an earlier one.
func (s *Store) KeepFailedLog(k digest.Key, log io.Reader) error {
	if err := os.MkdirAll(s.path(failedDir), 0o700); err != nil {
		return fmt.Errorf("failed log: %w", err)
	}
	f, err := s.tempFile("log")
	if err != nil {
		return fmt.Errorf("failed log: %w", spaceError(s.dir, err))
	}
	defer f.Close()
	_, err = io.Copy(f, log)
	if err == nil {
		err = os.Rename(f.Name(), s.failedLog(k))
	}
	if err != nil {
		return fmt.Errorf("failed log: %w", spaceError(s.dir, errors.Join(err, ignoreNotExist(os.Remove(f.Name())))))
	}
	return nil
}

// FailedLog opens the log of the last build of k that failed. ErrNotFound:
// there was none, or a later build of k did not fail.
func (s *Store) FailedLog(k digest.Key) (*os.File, error) {
	f, err := os.Open(s.failedLog(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("failed log of %s: %w", k, ErrNotFound)
	}
	return f, err
}

// HasFailed reports whether the last build of k failed, in so far as that is known:
// for a week, like its log.
func (s *Store) HasFailed(k digest.Key) bool {
	_, err := os.Lstat(s.failedLog(k))
	return err == nil
}

// KeepFailedBuild moves a scratch directory to where it outlives this process,
// in place of an earlier one of the key, and returns its path.
func (s *Store) KeepFailedBuild(k digest.Key, build *Scratch) (string, error) {
	to := s.failedBuild(k)
	err := os.MkdirAll(filepath.Dir(to), 0o700)
	if err == nil {
		err = ignoreNotExist(removeAll(to))
	}
	if err == nil {
		err = os.Rename(build.Dir, to)
	}
	if err != nil {
		return "", fmt.Errorf("failed build: %w", err)
	}
	build.closed = true
	build.temp.lock.release()
	return to, nil
}

// FailedBuild returns the directory of the kept build of k, and keeps it for as long
// again as a new one. ErrNotFound: there is none. Who holds the key's lock has it to
// himself.
func (s *Store) FailedBuild(k digest.Key) (string, error) {
	dir := s.failedBuild(k)
	err := os.Chtimes(dir, s.now(), s.now())
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("failed build of %s: %w", k, ErrNotFound)
	}
	return dir, err
}

// ForgetFailed removes what is kept of failed builds of k.
func (s *Store) ForgetFailed(k digest.Key) error {
	err := ignoreNotExist(os.Remove(s.failedLog(k)))
	return errors.Join(err, ignoreNotExist(removeAll(s.failedBuild(k))))
}

// planFailed lists what was kept of failed builds long ago.
func (s *Store) planFailed(p *Plan) error {
	names, err := readNames(s.path(failedDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old []string
	for _, name := range names {
		info, err := os.Lstat(s.path(failedDir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if s.now().Sub(info.ModTime()) > failedAge {
			old = append(old, name)
		}
	}
	return planDir(p, kindFailed, s.path(failedDir), old)
}
