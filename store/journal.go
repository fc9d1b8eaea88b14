package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// entry is one file of journal/, or what is wrong with it.
type entry struct {
	name string // in journal/: the key's hexadecimal digits
	r    *Realization
	file []byte    // as it is on the disk
	err  error     // ErrCorrupt; then r is nil
	used time.Time // last use, where GC asks
}

func journalPath(k digest.Key) string { return journalDir + "/" + k.Hex() }

// readEntry returns ErrNotFound for a key that has no entry.
func (s *Store) readEntry(k digest.Key) (entry, error) {
	e := entry{name: k.Hex()}
	var err error
	e.file, err = os.ReadFile(s.path(journalPath(k)))
	if errors.Is(err, os.ErrNotExist) {
		return entry{}, ErrNotFound
	}
	if isUnreadable(err) {
		e.err = fmt.Errorf("%w: %w", ErrCorrupt, bare(err))
		return e, nil
	}
	if err != nil {
		return entry{}, err
	}
	e.r, e.err = parseEntry(k, e.file)
	return e, nil
}

// parseEntry reads the file or the database's value of a key; ErrCorrupt: it is
// damaged, or another's.
func parseEntry(k digest.Key, file []byte) (*Realization, error) {
	r, err := parseRealization(file)
	if err == nil && r.Key != k {
		return nil, fmt.Errorf("%w: it is the entry of key %s", ErrCorrupt, r.Key)
	}
	return r, err
}

// readJournal returns all entries by name. The caller keeps GC away, or
// accepts what goes meanwhile.
func (s *Store) readJournal() ([]entry, error) {
	names, err := readNames(s.path(journalDir))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		k, err := digest.ParseKey("sha256:" + name)
		if err != nil {
			entries = append(entries, entry{name: name, err: errors.New("not an entry: its name is no key")})
			continue
		}
		e, err := s.readEntry(k)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// journaled reports whether there is anything that a database would hold.
func (s *Store) journaled() (bool, error) {
	for _, dir := range []string{journalDir, rootsDir} {
		f, err := os.Open(s.path(dir))
		if err != nil {
			return false, err
		}
		names, err := f.Readdirnames(1)
		f.Close()
		if len(names) > 0 {
			return true, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
	}
	return false, nil
}

// mendEntry sets the damaged entry of a key aside and puts back what the database
// has of it. ErrNotFound: it has nothing, and the key is a miss from then on.
func (s *Store) mendEntry(k digest.Key) (*Realization, error) {
	gate, err := s.addGate() // GC must not take the blobs of what comes back
	if err != nil {
		return nil, err
	}
	defer gate.release()
	lock, err := blockFlock(s.path(locksDir, journalLock), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	e, err := s.readEntry(k)
	if err != nil {
		return nil, err
	}
	if e.err == nil {
		return e.r, nil // another was here first
	}
	kept, healErr := s.realizationInDB(k)
	if err := s.quarantineEntry(e.name); err != nil {
		return nil, err
	}
	if healErr == nil {
		healErr = s.writeFile(journalPath(k), kept.file, 0o444)
	}
	if healErr != nil {
		// That there is no second one is no news.
		return nil, fmt.Errorf("%w: journal entry: %w", ErrNotFound, e.err)
	}
	return kept.r, nil
}

// quarantineEntry moves a damaged entry away.
func (s *Store) quarantineEntry(name string) error {
	to := s.path(quarantineDir, strings.Join([]string{"journal", name, randomName()}, "-"))
	return ignoreNotExist(moveDir(s.path(journalDir, name), to))
}
