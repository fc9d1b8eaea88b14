package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// database compares the database with the journal. An entry that it lacks is
// no problem: a crash between the two leaves that, and the next list puts it in.
// Nor is a database that is absent.
func (v *verification) database(context.Context) error {
	if err := v.s.checkSpace(); errors.Is(err, ErrNoSpace) {
		return nil // it must not be opened, and nobody will
	} else if err != nil {
		return err
	}
	err := v.tryDatabase()
	if errors.Is(err, errUncleanDB) {
		if err = v.s.updateDB(func(*batch) error { return nil }); err == nil {
			err = v.tryDatabase()
		}
	}
	if err != nil && !errors.Is(err, errAbsentDB) {
		v.problem(dbDir, err)
	}
	return nil
}

func (v *verification) tryDatabase() error {
	_, err := v.s.tryViewDB(v.s.enterDB, func(txn *badger.Txn) error {
		if err := eachValue(txn, realizationLetter, v.dbRealization); err != nil {
			return err
		}
		return eachValue(txn, copyLetter, v.dbCopy)
	})
	if err != nil {
		return err
	}
	gate, err := v.s.enterDB(unix.LOCK_SH)
	if err != nil {
		return err
	}
	defer gate.release()
	// Blocks that hold no live entry are not read above.
	return readBadger(v.s.path(dbDir), func(db *badger.DB) error { return db.VerifyChecksum() })
}

func (v *verification) dbRealization(key, value []byte) error {
	if len(key) != 1+len(digest.Key{}) {
		v.problem(dbDir, fmt.Errorf("%w: key %x", ErrCorrupt, key))
		return nil
	}
	k := digest.Key(key[1:])
	e, err := v.s.readEntry(k)
	switch {
	case errors.Is(err, ErrNotFound):
		v.problem(dbDir, fmt.Errorf("key %s: not in the journal", k))
	case err != nil:
		return err
	case e.err == nil && !bytes.Equal(e.file, value): // a damaged entry is named as such
		v.problem(dbDir, fmt.Errorf("key %s: %w: differs from the journal", k, ErrCorrupt))
	}
	return nil
}

func (v *verification) dbCopy(key, value []byte) error {
	if len(key) != 1+len(digest.Digest{}) {
		v.problem(dbDir, fmt.Errorf("%w: key %x", ErrCorrupt, key))
	} else if d := digest.Digest(key[1:]); digest.Of(value) != d {
		v.problem(dbDir, fmt.Errorf("copy of blob %s: %w", d, ErrCorrupt))
	}
	return nil
}
