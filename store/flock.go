package store

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The files in locks/ that are never removed. A key's lock is named by the
// key's hexadecimal digits, a name's lock is name-NAME, a session is live-….
const (
	gcGate      = "gc"      // shared: blobs, journal or roots are being added; exclusive: GC decides and removes
	dbGate      = "db"      // shared: the database is open for reading; exclusive: for writing
	dbTurn      = "db-turn" // passed on the way to dbGate, so that readers who overlap do not starve a writer
	journalLock = "journal" // exclusive: an entry of journal/ is compared and written
	rootsLock   = "roots"   // exclusive: roots/ and index.json change together
)

// flock is a held flock(2). It belongs to an open file, so that it ends with
// the process, and two of one process exclude each other as two processes do.
type flock struct{ f *os.File }

// lockWait is the longest pause between two attempts to take a lock.
const lockWait = 20 * time.Millisecond

// tryFlock returns nil when another holds the lock.
func tryFlock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err {
		case nil:
			return true, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return false, nil
		default:
			return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}

// waitFlock takes the lock of a file, made when absent, and waits until ctx
// ends. The file may be removed by who holds its lock: the lock taken is that
// of the file which path names.
func waitFlock(ctx context.Context, path string, how int) (flock, error) {
	pause := time.Millisecond
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return flock{}, err
		}
		ok, err := tryFlock(f, how)
		if err != nil {
			f.Close()
			return flock{}, err
		}
		if ok && isNamed(f, path) {
			return flock{f}, nil
		}
		f.Close()
		if ok {
			continue
		}
		select {
		case <-ctx.Done():
			return flock{}, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(pause*2, lockWait)
	}
}

// blockFlock takes the lock of a file that is never removed, for the few
// milliseconds that its holders need.
func blockFlock(path string, how int) (flock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return flock{}, err
	}
	for {
		switch err := unix.Flock(int(f.Fd()), how); {
		case err == nil:
			return flock{f}, nil
		case !errors.Is(err, unix.EINTR):
			f.Close()
			return flock{}, &os.PathError{Op: "flock", Path: path, Err: err}
		}
	}
}

// release ends the lock now: closing alone would leave it to a child process
// that was forked and has not yet closed its copy.
func (l flock) release() {
	// Neither can fail on an open descriptor, and the lock ends with either.
	_ = unix.Flock(int(l.f.Fd()), unix.LOCK_UN)
	l.f.Close()
}

// isNamed reports whether path still names the open file.
func isNamed(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

// addGate is held while something is added that GC must see whole.
func (s *Store) addGate() (flock, error) {
	return blockFlock(s.path(locksDir, gcGate), unix.LOCK_SH)
}

// enterDB passes the database's gate.
func (s *Store) enterDB(how int) (flock, error) {
	turn, err := blockFlock(s.path(locksDir, dbTurn), how)
	if err != nil {
		return flock{}, err
	}
	defer turn.release()
	return blockFlock(s.path(locksDir, dbGate), how)
}

// dbPatience is how long a reader who has another way waits for the database.
const dbPatience = 50 * time.Millisecond

// enterDBSoon is enterDB for such a reader: errBusyDB.
func (s *Store) enterDBSoon(how int) (gate flock, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), dbPatience)
	defer cancel()
	turn, err := waitFlock(ctx, s.path(locksDir, dbTurn), how)
	if err == nil {
		defer turn.release()
		gate, err = waitFlock(ctx, s.path(locksDir, dbGate), how)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errBusyDB
	}
	return gate, err
}
