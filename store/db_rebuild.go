package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Rebuild makes the database and index.json anew from journal, roots and the
// blobs that they name. What is damaged among these is left out, and Verify
// names it.
func (s *Store) Rebuild(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	gate, err := s.addGate()
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	defer gate.release()
	if err := s.rebuildIndex(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	door, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	defer door.release()
	if err := s.rebuildDB(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// replaceDB rebuilds the database id, unless another process did so meanwhile.
func (s *Store) replaceDB(id os.FileInfo) error {
	gate, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer gate.release()
	now, err := s.dbID()
	if err != nil {
		return err
	}
	if now != nil && (id == nil || !os.SameFile(id, now)) {
		return nil
	}
	return s.rebuildDB()
}

// rebuildDB fills a new database beside the old one and changes places. A
// crash between leaves no database, which is rebuilt. The caller holds the
// database's gate exclusively.
func (s *Store) rebuildDB() error {
	temp, err := s.tempDir("db")
	if err != nil {
		return spaceError(s.dir, err)
	}
	err = withBadger(badgerOptions(temp.path+"/new"), s.fillDB)
	if err == nil {
		err = ignoreNotExist(os.Rename(s.path(dbDir), temp.path+"/old"))
	}
	if err == nil {
		err = os.Rename(temp.path+"/new", s.path(dbDir))
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	return spaceError(s.dir, errors.Join(err, temp.remove()))
}

// dropDB removes the database, so that the next reader rebuilds it. The caller
// holds the database's gate exclusively.
func (s *Store) dropDB() error {
	temp, err := s.tempDir("db")
	if err != nil {
		// A full disk has no room for the detour. Half a database is one that
		// does not open, and is rebuilt.
		return removeAll(s.path(dbDir))
	}
	err = ignoreNotExist(os.Rename(s.path(dbDir), temp.path+"/old"))
	return errors.Join(err, temp.remove())
}

// fillDB copies what journal and roots name. Badger's transactions are limited
// in size, so a full one is committed and another begun; its WriteBatch is not
// used (it loses entries without an error when the disk is full).
func (s *Store) fillDB(db *badger.DB) error {
	txn := db.NewTransaction(true)
	defer func() { txn.Discard() }()
	put := func(key, value []byte) error {
		err := txn.Set(key, value)
		if !errors.Is(err, badger.ErrTxnTooBig) {
			return err
		}
		if err := txn.Commit(); err != nil {
			return err
		}
		txn = db.NewTransaction(true)
		return txn.Set(key, value)
	}
	seen := map[digest.Digest]bool{}
	putCopies := func(ds []digest.Digest) error {
		for _, d := range ds {
			if seen[d] {
				continue
			}
			seen[d] = true
			if b, err := s.peekBlob(d, copyLimit); err == nil { // too big, lost or damaged: no copy
				if err := put(copyKey(d), b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	entries, err := s.readJournal()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.err != nil {
			continue // damaged: a miss, as it is for Lookup
		}
		if err := put(realizationKey(e.r.Key), e.file); err != nil {
			return err
		}
		if err := putCopies(s.named(e.r)); err != nil {
			return err
		}
	}
	roots, err := s.readRoots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		if r.err != nil {
			continue
		}
		if err := putCopies(digestsOf(s.refs(r.desc))); err != nil {
			return err
		}
	}
	return txn.Commit()
}

// copies returns the database's entries for those of the blobs that are small
// and whole.
func (s *Store) copies(ds []digest.Digest) map[digest.Digest][]byte {
	m := map[digest.Digest][]byte{}
	for _, d := range ds {
		if b, err := s.peekBlob(d, copyLimit); err == nil {
			m[d] = b
		}
	}
	return m
}
