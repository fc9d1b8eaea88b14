package store

import (
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// copyLimit is the size in bytes up to which the database keeps a copy of a
// blob that a realization or a root names.
const copyLimit = 64 << 10

// The keys of the database: a letter and the 32 bytes of a key or digest. The
// value is the journal's file, seal and all, or the blob.
const (
	realizationLetter = 'r'
	copyLetter        = 'b'
)

func realizationKey(k digest.Key) []byte { return append([]byte{realizationLetter}, k[:]...) }
func copyKey(d digest.Digest) []byte     { return append([]byte{copyLetter}, d[:]...) }

var (
	errAbsentDB  = errors.New("no database")
	errUncleanDB = errors.New("database was not closed by its last writer")
	errDamagedDB = errors.New("database is damaged")
)

// badgerOptions are those that measured well for sessions of milliseconds.
func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMemTableSize(16 << 20).
		WithNumMemtables(2).
		WithValueThreshold(1 << 20).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithIndexCacheSize(32 << 20).
		WithCompactL0OnClose(true).
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnBlockRead)
}

// withBadger opens a database, calls fn and closes it. What Badger panics
// about is an error: it does so on some damaged files.
func withBadger(opt badger.Options, fn func(*badger.DB) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamagedDB, p)
		}
	}()
	db, err := badger.Open(opt)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return errors.Join(fn(db), db.Close())
}

// viewDB calls fn with the database open for reading, and once more after each
// repair. fn returns badger.ErrKeyNotFound for a miss, and errDamagedDB for a
// value that is not what was put. Below the space floor nothing is opened and
// the error is ErrNoSpace.
func (s *Store) viewDB(fn func(*badger.Txn) error) error {
	answered := func(err error) bool { return err == nil || errors.Is(err, badger.ErrKeyNotFound) }
	if err := s.checkSpace(); err != nil {
		return err
	}
	id, err := s.tryViewDB(fn)
	if answered(err) {
		return err
	}
	if errors.Is(err, errAbsentDB) {
		if any, err := s.journaled(); err != nil || !any {
			return errors.Join(err, badger.ErrKeyNotFound)
		}
	} else if !errors.Is(err, errDamagedDB) && s.reopenDB() == nil {
		if id, err = s.tryViewDB(fn); answered(err) {
			return err
		}
	}
	if err := s.replaceDB(id); err != nil {
		return err
	}
	_, err = s.tryViewDB(fn)
	return err
}

// tryViewDB tells in id which database it found.
func (s *Store) tryViewDB(fn func(*badger.Txn) error) (id os.FileInfo, err error) {
	gate, err := s.enterDB(unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer gate.release()
	if id, err = s.dbID(); err != nil {
		return nil, err
	}
	if id == nil {
		return nil, errAbsentDB
	}
	if _, err := os.Lstat(s.path(dbDir, "LOCK")); err == nil {
		return id, errUncleanDB // Badger's own pid file, which it removes at the end
	}
	return id, withBadger(badgerOptions(s.path(dbDir)).WithReadOnly(true), func(db *badger.DB) error { return db.View(fn) })
}

// dbID returns nil when there is no database.
func (s *Store) dbID() (os.FileInfo, error) {
	if _, err := os.Lstat(s.path(dbDir, badger.ManifestFilename)); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return os.Stat(s.path(dbDir))
}

// reopenDB opens the database for writing once, which is what Badger wants
// after a crash («Log truncate required»).
func (s *Store) reopenDB() error {
	gate, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer gate.release()
	return withBadger(badgerOptions(s.path(dbDir)), func(*badger.DB) error { return nil })
}

// updateDB calls fn in one write session. A database that does not open is
// rebuilt. fn must be one that can be repeated.
func (s *Store) updateDB(fn func(*batch) error) error {
	if err := s.checkSpace(); err != nil {
		return err
	}
	gate, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer gate.release()
	update := func() error {
		return withBadger(badgerOptions(s.path(dbDir)), func(db *badger.DB) error {
			w := newBatch(db)
			defer w.discard()
			if err := fn(w); err != nil {
				return err
			}
			return w.commit()
		})
	}
	id, err := s.dbID()
	if err != nil {
		return err
	}
	if id == nil {
		// The first entry makes the database; else it was lost, and is made
		// whole before anything is added.
		if any, err := s.journaled(); err != nil {
			return err
		} else if any {
			if err := s.rebuildDB(); err != nil {
				return err
			}
		}
	}
	if update() == nil {
		return nil
	}
	if err := s.rebuildDB(); err != nil {
		return err
	}
	return update()
}

// getDB returns the value of one key that passes check; badger.ErrKeyNotFound:
// there is none.
func (s *Store) getDB(key []byte, check func([]byte) bool) (value []byte, err error) {
	err = s.viewDB(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		if value, err = item.ValueCopy(nil); err != nil {
			return err
		}
		if !check(value) {
			return errDamagedDB
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// heal puts a lost or damaged blob back from the database's copy and reports
// whether it could. The caller holds no gate.
func (s *Store) heal(d digest.Digest) bool {
	b, err := s.getDB(copyKey(d), func(b []byte) bool { return digest.Of(b) == d })
	if err != nil {
		return false
	}
	_, err = s.PutBytes(b)
	return err == nil
}

// batch is a series of transactions: Badger limits the size of one, and a full
// one is committed before the next begins. What must not be seen without the
// rest is put last.
type batch struct {
	db  *badger.DB
	txn *badger.Txn
}

func newBatch(db *badger.DB) *batch { return &batch{db, db.NewTransaction(true)} }

func (w *batch) put(key, value []byte) error {
	err := w.txn.Set(key, value)
	if !errors.Is(err, badger.ErrTxnTooBig) {
		return err
	}
	if err := w.txn.Commit(); err != nil {
		return err
	}
	w.txn = w.db.NewTransaction(true)
	return w.txn.Set(key, value)
}

func (w *batch) commit() error { return w.txn.Commit() }

// discard ends a batch that was not committed.
func (w *batch) discard() { w.txn.Discard() }
