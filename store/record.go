package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Record keeps r and makes root name its manifest; an empty root is none, and
// leaves r to the next GC. All blobs that r names, its derivation among them,
// are in the store already: ErrNotFound says which is not. The first writer of
// a key wins: what is returned is his realization, unless one of his blobs is
// lost. ErrNoSpace: nothing is recorded below the floor of 64 MiB.
func (s *Store) Record(r Realization, root string) (*Realization, error) {
	kept, err := s.record(r, root)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.Key, spaceError(s.dir, err))
	}
	return kept, nil
}

func (s *Store) record(r Realization, root string) (*Realization, error) {
	r.Finished = r.Finished.UTC().Round(0) // no monotonic clock
	r.Files = slices.Clone(r.Files)
	r.Inputs = slices.Clone(r.Inputs)
	slices.SortFunc(r.Inputs, func(a, b digest.Digest) int { return bytes.Compare(a[:], b[:]) })
	r.Inputs = slices.Compact(r.Inputs)
	if err := r.check(); err != nil {
		return nil, err
	}
	if root != "" {
		if err := checkName(root); err != nil {
			return nil, err
		}
	}
	if err := s.checkSpace(); err != nil {
		return nil, err
	}
	if err := s.beginSession(); err != nil {
		return nil, err
	}
	kept, err := s.recordNames(&r, root)
	if err != nil {
		return nil, err
	}
	if err := s.index(kept.Key); err != nil {
		// The realization is acknowledged by the journal. A database that
		// does not know it must not stay.
		return kept, s.forgetDB()
	}
	return kept, nil
}

// recordNames writes the entry of r and the root. It holds the gate, and no longer than
// this: who waits for the database with it keeps GC waiting too. The session holds what
// the entry needs.
func (s *Store) recordNames(r *Realization, root string) (*Realization, error) {
	gate, err := s.addGate()
	if err != nil {
		return nil, err
	}
	defer gate.release()
	kept, err := s.journalise(r)
	if err == nil {
		err = s.pin(kept.Manifest) // perhaps another's
	}
	if err != nil || root == "" {
		return kept, err
	}
	desc, err := s.describe(kept.Manifest)
	if err != nil {
		return nil, err
	}
	return kept, s.setRoot(root, desc)
}

// journalise writes the entry of r, or returns the one that is there already
// and whole.
func (s *Store) journalise(r *Realization) (*Realization, error) {
	file, err := r.encode()
	if err != nil {
		return nil, err
	}
	lock, err := blockFlock(s.path(locksDir, journalLock), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	first, err := s.readEntry(r.Key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	if err == nil && first.err == nil {
		if lost, err := s.missing(first.r); err != nil || len(lost) == 0 {
			return first.r, err
		}
	}
	missing, inputs, err := s.lacks(r)
	if err != nil {
		return nil, err
	}
	if lost := append(missing, inputs...); len(lost) > 0 {
		return nil, fmt.Errorf("blob %s: %w", lost[0], ErrNotFound)
	}
	return r, s.writeFile(journalPath(r.Key), file, 0o444)
}

// index puts the journal's entries of keys and copies of their small blobs into
// the database, in one write session.
func (s *Store) index(keys ...digest.Key) error {
	fill, err := s.indexing(keys...)
	if err != nil {
		return err
	}
	return s.updateDB(fill)
}

// indexing returns what a write session does for index.
func (s *Store) indexing(keys ...digest.Key) (func(*batch) error, error) {
	entries := make([]entry, len(keys))
	for i, k := range keys {
		e, err := s.readEntry(k)
		if err == nil {
			err = e.err
		}
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return func(w *batch) error {
		seen := map[digest.Digest]bool{}
		for _, e := range entries {
			if err := s.putCopies(w, s.named(e.r), seen); err != nil {
				return err
			}
			if err := w.put(realizationKey(e.r.Key), e.file); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// forgetDB removes the database.
func (s *Store) forgetDB() error {
	gate, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer gate.release()
	return s.dropDB()
}

// Realizations returns all realizations, sorted by key; also those whose blobs
// are lost. Damaged entries are left out: Verify names them. What a crash kept
// out of the database is put into it.
func (s *Store) Realizations() ([]Realization, error) {
	fromDB := map[digest.Key]*Realization{}
	dbErr := s.viewDB(s.enterDBSoon, func(txn *badger.Txn) error {
		clear(fromDB)
		return eachValue(txn, realizationLetter, func(key, value []byte) error {
			if len(key) != 1+len(digest.Key{}) {
				return errDamagedDB
			}
			r, err := parseEntry(digest.Key(key[1:]), value)
			if err != nil {
				return errDamagedDB
			}
			fromDB[r.Key] = r
			return nil
		})
	})
	if dbErr != nil {
		clear(fromDB) // the journal alone has the answer too
	}
	names, err := readNames(s.path(journalDir))
	if err != nil {
		return nil, fmt.Errorf("realizations: %w", err)
	}
	slices.Sort(names)
	var all []Realization
	var behind []digest.Key
	for _, name := range names {
		k, err := digest.ParseKey("sha256:" + name)
		if err != nil {
			continue
		}
		if r := fromDB[k]; r != nil {
			all = append(all, *r)
			continue
		}
		e, err := s.readEntry(k)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("realizations: %w", err)
		}
		if err == nil && e.err == nil {
			all = append(all, *e.r)
			behind = append(behind, k)
		}
	}
	if dbErr == nil && len(behind) > 0 {
		// Without it the list is slower the next time, and their small blobs do
		// not heal.
		_ = s.indexAgain(behind)
	}
	return all, nil
}

// indexAgain puts into the database what a crash kept out of it, unless others write
// just now: they may have been about to. GC must not take the entries meanwhile.
func (s *Store) indexAgain(keys []digest.Key) error {
	gate, err := s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	fill, err := s.indexing(keys...)
	if err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	door, err := s.enterDBSoon(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer door.release()
	return s.updateHeldDB(fill)
}

// eachValue calls fn for each entry under a letter; value is only valid inside.
func eachValue(txn *badger.Txn, letter byte, fn func(key, value []byte) error) error {
	opt := badger.DefaultIteratorOptions
	opt.Prefix = []byte{letter}
	it := txn.NewIterator(opt)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		key := it.Item().Key()
		if err := it.Item().Value(func(value []byte) error { return fn(key, value) }); err != nil {
			return err
		}
	}
	return nil
}
