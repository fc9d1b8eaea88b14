package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// session is the list of what a Store has put or found since it began to
// write. It is a file in locks/, locked while its writer lives; GC keeps what
// the file names. No clock is asked, so a wrong one loses nothing.
type session struct {
	lock flock
	size int64
	seen map[digest.Digest]bool
}

// sessionPrefix begins a session's name in locks/.
const sessionPrefix = "live-"

// beginSession begins the session unless it runs already.
func (s *Store) beginSession() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		return nil
	}
	// Within the gate GC cannot meet the file before it is locked.
	gate, err := s.addGate()
	if err != nil {
		return spaceError(s.dir, err)
	}
	defer gate.release()
	f, err := os.OpenFile(s.path(locksDir, sessionPrefix+randomName()), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return spaceError(s.dir, err)
	}
	if _, err := tryFlock(f, unix.LOCK_EX); err != nil {
		f.Close()
		return err
	}
	s.session = &session{lock: flock{f}, seen: map[digest.Digest]bool{}}
	return nil
}

// BeginSession begins the session, where nothing of what a Store is to spare from
// GC has done so: from now on what it puts and finds stays.
func (s *Store) BeginSession() error { return s.beginSession() }

func (s *Store) endSession() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return nil
	}
	err := ignoreNotExist(os.Remove(s.session.lock.f.Name()))
	s.session.lock.release()
	s.session = nil
	return err
}

// pin keeps the blob and the tree of each digest for the session; without a
// session it does nothing. The caller holds addGate from before the pin until
// it has made sure that the thing exists.
func (s *Store) pin(ds ...digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return nil
	}
	for _, d := range ds {
		if s.session.seen[d] {
			continue
		}
		f := s.session.lock.f
		n, err := f.WriteString(d.Hex() + "\n")
		if err != nil {
			// Half a line would spoil the next one.
			return spaceError(s.dir, errors.Join(err, f.Truncate(s.session.size)))
		}
		s.session.size += int64(n)
		s.session.seen[d] = true
	}
	return nil
}

// hasSession reports whether pins count.
func (s *Store) hasSession() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session != nil
}

// pinned returns what living sessions hold, those of this process included,
// and removes the files of dead ones when sweep is set. The caller holds the
// gate exclusively.
func (s *Store) pinned(sweep bool) ([]digest.Digest, error) {
	names, err := readNames(s.path(locksDir))
	if err != nil {
		return nil, err
	}
	var all []digest.Digest
	for _, name := range names {
		if !strings.HasPrefix(name, sessionPrefix) {
			continue
		}
		ds, err := readSession(s.path(locksDir, name), sweep)
		if err != nil {
			return nil, fmt.Errorf("%s/%s: %w", locksDir, name, err)
		}
		all = append(all, ds...)
	}
	return all, nil
}

// readSession returns what a session holds; nothing when it is dead. A session
// may end meanwhile.
func readSession(path string, sweep bool) ([]digest.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ignoreNotExist(err)
	}
	defer f.Close()
	dead, err := tryFlock(f, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	if dead {
		if sweep {
			err = ignoreNotExist(os.Remove(path))
		}
		return nil, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return parsePins(string(text))
}

// parsePins reads a session's file: one digest a line, in hexadecimal digits.
func parsePins(text string) ([]digest.Digest, error) {
	var ds []digest.Digest
	for line := range strings.Lines(text) {
		d, err := digest.ParseHex(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		ds = append(ds, d)
	}
	return ds, nil
}
