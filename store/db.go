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
	errBusyDB    = errors.New("database is busy")
)

// badgerOptions are those that measured well for sessions of milliseconds. Badger's
// own lock is left out: the database's gate is one, and Badger's, which it only
// tries, is for a moment still held by a process that somebody forks just then.
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
		WithBypassLockGuard(true).
		WithChecksumVerificationMode(options.OnBlockRead)
}

// readBadger calls fn with a database open for reading.
func readBadger(dir string, fn func(*badger.DB) error) error {
	if err := checkSum(dir); err != nil {
		return err
	}
	return withBadger(badgerOptions(dir).WithReadOnly(true), fn)
}

// writeBadger calls fn with a database open for writing. One that was not
// closed is recovered by this.
func writeBadger(dir string, fn func(*badger.DB) error) error {
	switch err := checkSum(dir); err {
	case nil, errAbsentDB, errUncleanDB:
	default:
		return err
	}
	if err := removeSum(dir); err != nil {
		return err
	}
	if err := withBadger(badgerOptions(dir), fn); err != nil {
		return err
	}
	return writeSum(dir)
}

// withBadger opens a database, calls fn and closes it. What Badger panics
// about in this goroutine is an error.
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

// viewDB calls fn with the database, which enter leads to, open for reading, and once
// more after a repair. fn returns badger.ErrKeyNotFound for a miss, and errDamagedDB for a
// value that is not what was put. Below the space floor nothing is opened and
// the error is ErrNoSpace.
func (s *Store) viewDB(enter func(how int) (flock, error), fn func(*badger.Txn) error) error {
	if err := s.checkSpace(); err != nil {
		return err
	}
	id, err := s.tryViewDB(enter, fn)
	switch {
	case err == nil || errors.Is(err, badger.ErrKeyNotFound) || errors.Is(err, errBusyDB):
		return err
	case errors.Is(err, errAbsentDB):
		if any, err := s.journaled(); err != nil || !any {
			return errors.Join(err, badger.ErrKeyNotFound)
		}
	case errors.Is(err, errUncleanDB):
		// Reading after a crash wants one opening for writing first («Log
		// truncate required»). Where that is not enough, it is rebuilt.
		if s.updateDB(func(*batch) error { return nil }) == nil {
			id, err = s.tryViewDB(enter, fn)
			if err == nil || errors.Is(err, badger.ErrKeyNotFound) {
				return err
			}
		}
	}
	if err := s.replaceDB(id); err != nil {
		return err
	}
	_, err = s.tryViewDB(enter, fn)
	return err
}

// tryViewDB tells in id which database it found; nil: none.
func (s *Store) tryViewDB(enter func(how int) (flock, error), fn func(*badger.Txn) error) (id os.FileInfo, err error) {
	gate, err := enter(unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer gate.release()
	if id, err = s.dbID(); err != nil {
		return nil, err
	}
	return id, readBadger(s.path(dbDir), func(db *badger.DB) error { return db.View(fn) })
}

// dbID tells one database from the next that takes its place.
func (s *Store) dbID() (os.FileInfo, error) {
	id, err := os.Stat(s.path(dbDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return id, err
}

// updateDB calls fn in one write session. A database that was lost or does not
// open is rebuilt. fn must be one that can be repeated.
func (s *Store) updateDB(fn func(*batch) error) error {
	if err := s.checkSpace(); err != nil {
		return err
	}
	gate, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer gate.release()
	return s.updateHeldDB(fn)
}

// updateHeldDB is updateDB for who holds the database's gate exclusively.
func (s *Store) updateHeldDB(fn func(*batch) error) error {
	update := func() error {
		return writeBadger(s.path(dbDir), func(db *badger.DB) error {
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
	any, err := s.journaled()
	if err != nil {
		return err
	}
	// Without a journal the first entry makes the database.
	if (id != nil || !any) && update() == nil {
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
	err = s.viewDB(s.enterDB, func(txn *badger.Txn) error {
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

// realizationInDB returns the journal's entry of a key as the database has it.
func (s *Store) realizationInDB(k digest.Key) (entry, error) {
	e := entry{name: k.Hex()}
	var err error
	e.file, err = s.getDB(realizationKey(k), func(value []byte) bool {
		e.r, e.err = parseEntry(k, value)
		return e.err == nil
	})
	return e, err
}

// heal puts a lost or damaged blob back from the database's copy and reports
// whether it could. The caller holds no gate exclusively.
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
