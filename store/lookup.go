package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/fuel-infra/pbuild/store/digest"
)

// useInterval is how old the last use of a realization may grow before a hit
// renews it.
const useInterval = 24 * time.Hour

// Lookup finds the realization of a key. ErrNotFound: there is none, or one of
// its blobs is lost. A hit never opens the database for writing, and works on
// a full disk.
func (s *Store) Lookup(k digest.Key) (*Realization, error) {
	r, err := s.find(k)
	if err == nil {
		err = s.whole(r)
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k, err)
	}
	s.renewUse(k)
	return r, nil
}

// find asks the database, and the journal where that has no answer: after a
// crash between the two, below the space floor, or when it cannot be rebuilt.
func (s *Store) find(k digest.Key) (*Realization, error) {
	value, dbErr := s.getDB(realizationKey(k), func(b []byte) bool {
		r, err := parseRealization(b)
		return err == nil && r.Key == k
	})
	if dbErr == nil {
		if _, err := os.Lstat(s.path(journalPath(k))); errors.Is(err, os.ErrNotExist) {
			return nil, ErrNotFound // the journal decides
		}
		return parseRealization(value)
	}
	e, err := s.readEntry(k)
	if err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, errors.Join(fmt.Errorf("%w: journal entry: %w", ErrNotFound, e.err), s.quarantineEntry(e.name))
	}
	if errors.Is(dbErr, badger.ErrKeyNotFound) {
		// Without this the next hit is slower by a look at the journal, no more.
		_ = s.indexAgain(e.r)
	}
	return e.r, nil
}

// indexAgain puts into the database what a crash kept out of it; GC must not
// take the entry meanwhile.
func (s *Store) indexAgain(r *Realization) error {
	gate, err := s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	return s.index(r)
}

// whole returns ErrNotFound when a blob that r needs is lost or, where it is
// read anyway, damaged. It heals what the database has a copy of.
func (s *Store) whole(r *Realization) error {
	missing := s.missing(r)
	if len(missing) == 0 {
		return nil
	}
	for _, d := range missing {
		s.heal(d)
	}
	if missing = s.missing(r); len(missing) > 0 {
		return fmt.Errorf("%w: blob %s is lost", ErrNotFound, missing[0])
	}
	return nil
}

// missing returns the blobs of r that are not there in their full size. Only
// manifests are read.
func (s *Store) missing(r *Realization) []digest.Digest {
	var lost []digest.Digest
	for _, ref := range s.refs(manifestDesc(r.Manifest)) {
		if ref.err != nil {
			lost = append(lost, ref.digest)
		}
	}
	for _, d := range r.blobs() {
		if _, err := os.Lstat(s.BlobPath(d)); err != nil {
			lost = append(lost, d)
		}
	}
	for _, f := range r.Files {
		if info, err := os.Lstat(s.BlobPath(f.Digest)); err == nil && info.Size() != f.Size {
			lost = append(lost, f.Digest)
		}
	}
	return lost
}

// named returns the blobs of r, and those that its manifest names.
func (s *Store) named(r *Realization) []digest.Digest {
	return append(r.blobs(), digestsOf(s.refs(manifestDesc(r.Manifest)))...)
}

// renewUse writes the last use of a key where the known one is old, or lies in
// the future because a clock was wrong.
func (s *Store) renewUse(k digest.Key) {
	path := s.path(journalPath(k))
	info, err := os.Lstat(path)
	if err != nil {
		return
	}
	now := s.now()
	if age := now.Sub(info.ModTime()); age < useInterval && age > -useInterval {
		return
	}
	// On a disk that refuses it the hit is still a hit.
	_ = os.Chtimes(path, time.Time{}, now)
}
