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
// blobs that they name, after it has healed what it can of these from the database that
// there is. What is damaged then is left out, and Verify names it.
func (s *Store) Rebuild(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if _, err := s.healNamed(ctx); err != nil {
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
	err = writeBadger(temp.path+"/new", s.fillDB)
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

// fillDB copies what journal and roots name.
func (s *Store) fillDB(db *badger.DB) error {
	w := newBatch(db)
	defer w.discard()
	seen := map[digest.Digest]bool{}
	entries, err := s.readJournal()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.err != nil {
			continue // damaged: a miss, as it is for Lookup
		}
		if err := s.putCopies(w, s.named(e.r), seen); err != nil {
			return err
		}
		if err := w.put(realizationKey(e.r.Key), e.file); err != nil {
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
		if err := s.putCopies(w, digestsOf(s.refs(r.desc)), seen); err != nil {
			return err
		}
	}
	return w.commit()
}

// putCopies puts those of the blobs that are small and whole.
func (s *Store) putCopies(w *batch, ds []digest.Digest, seen map[digest.Digest]bool) error {
	for _, d := range ds {
		if seen[d] {
			continue
		}
		seen[d] = true
		b, err := s.peekBlob(d, copyLimit)
		if err != nil {
			continue // too big, lost or damaged: no copy
		}
		if err := w.put(copyKey(d), b); err != nil {
			return err
		}
	}
	return nil
}
