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
	var out *Realization
	err := s.lookup([]digest.Key{k}, func(_ digest.Key, r *Realization, err error) error {
		out = r
		return err
	})
	return out, err
}

// LookupAll is Lookup of each key, in one opening of the database: that is most
// of what a Lookup takes. The map lacks the keys for which Lookup says
// ErrNotFound; any other error ends it.
func (s *Store) LookupAll(keys []digest.Key) (map[digest.Key]*Realization, error) {
	out := make(map[digest.Key]*Realization, len(keys))
	err := s.lookup(keys, func(k digest.Key, r *Realization, err error) error {
		switch {
		case err == nil:
			out[k] = r
		case !errors.Is(err, ErrNotFound):
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// lookup tells each what there is of each key, until that returns an error.
func (s *Store) lookup(keys []digest.Key, each func(digest.Key, *Realization, error) error) error {
	fromDB, dbErr := s.indexed(keys)
	var behind []digest.Key // in the journal, not in the database
	defer func() {
		if len(behind) > 0 {
			// Without this the next hit is slower by a look at the journal, no more.
			_ = s.indexAgain(behind)
		}
	}()
	for _, k := range keys {
		r, err := s.find(k, fromDB[k])
		if err == nil && fromDB[k] == nil && dbErr == nil {
			behind = append(behind, k)
		}
		if err == nil {
			err = s.whole(r)
		}
		if err != nil {
			r, err = nil, fmt.Errorf("key %s: %w", k, err)
		} else {
			s.renewUse(k)
		}
		if err := each(k, r, err); err != nil {
			return err
		}
	}
	return nil
}

// indexed returns what the database has of the keys. The error says that there
// is none to ask: below the space floor, or when it cannot be rebuilt.
func (s *Store) indexed(keys []digest.Key) (map[digest.Key]*Realization, error) {
	found := make(map[digest.Key]*Realization, len(keys))
	err := s.viewDB(func(txn *badger.Txn) error {
		clear(found)
		for _, k := range keys {
			item, err := txn.Get(realizationKey(k))
			if errors.Is(err, badger.ErrKeyNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			err = item.Value(func(value []byte) error {
				r, err := parseRealization(value)
				if err != nil || r.Key != k {
					return errDamagedDB
				}
				found[k] = r
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
		return nil, err
	}
	return found, nil
}

// find returns the realization of a key of which the database has r, or nothing.
// The journal decides, and answers where the database does not.
func (s *Store) find(k digest.Key, r *Realization) (*Realization, error) {
	if r != nil {
		if _, err := os.Lstat(s.path(journalPath(k))); errors.Is(err, os.ErrNotExist) {
			return nil, ErrNotFound
		}
		return r, nil
	}
	e, err := s.readEntry(k)
	if err != nil {
		return nil, err
	}
	if e.err != nil {
		return nil, errors.Join(fmt.Errorf("%w: journal entry: %w", ErrNotFound, e.err), s.quarantineEntry(e.name))
	}
	return e.r, nil
}

// indexAgain puts into the database what a crash kept out of it; GC must not
// take the entries meanwhile.
func (s *Store) indexAgain(keys []digest.Key) error {
	gate, err := s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	return s.index(keys...)
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
	lost = append(lost, s.absent(r.blobs())...)
	for _, f := range r.Files {
		if info, err := os.Lstat(s.BlobPath(f.Digest)); err == nil && info.Size() != f.Size {
			lost = append(lost, f.Digest)
		}
	}
	return lost
}

// absent returns those of the blobs that have no file.
func (s *Store) absent(ds []digest.Digest) (lost []digest.Digest) {
	for _, d := range ds {
		if _, err := os.Lstat(s.BlobPath(d)); err != nil {
			lost = append(lost, d)
		}
	}
	return lost
}

// named returns the blobs of r, and those that its manifest names.
func (s *Store) named(r *Realization) []digest.Digest {
	return append(r.kept(), digestsOf(s.refs(manifestDesc(r.Manifest)))...)
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
