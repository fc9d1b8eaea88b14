package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/store/digest"
)

// useInterval is how old the last use of a realization may grow before a hit
// renews it.
const useInterval = 24 * time.Hour

// Lookup finds the realization of a key. ErrNotFound: there is none, or one of
// its blobs is lost. It asks the journal, and opens the database only when what
// it finds is damaged or a blob is lost. A hit works on a full disk. Within a
// session (see the package's doc) what was found stays.
func (s *Store) Lookup(k digest.Key) (*Realization, error) {
	r, err := s.find(k)
	if err == nil {
		err = s.hold(r)
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k, err)
	}
	s.renewUse(s.path(journalPath(k)))
	return r, nil
}

// hold is whole with r pinned: its manifest holds the entry and all that it needs.
func (s *Store) hold(r *Realization) error {
	release, err := s.holdBlob(r.Manifest)
	if err != nil {
		return err
	}
	defer release()
	return s.whole(r)
}

// LookupAll is Lookup of each key. The map lacks the keys for which that says
// ErrNotFound; any other error ends it.
func (s *Store) LookupAll(keys []digest.Key) (map[digest.Key]*Realization, error) {
	all, errs := make([]*Realization, len(keys)), make([]error, len(keys))
	parallel.Each(len(keys), func(i int) { all[i], errs[i] = s.Lookup(keys[i]) })
	found := make(map[digest.Key]*Realization)
	for i, k := range keys {
		if errors.Is(errs[i], ErrNotFound) {
			continue
		}
		if errs[i] != nil {
			return nil, errs[i]
		}
		found[k] = all[i]
	}
	return found, nil
}

// find returns what the journal says of a key. The database is not asked first:
// it would answer with the same bytes, and to open and close it takes longer than
// all the rest of a hit.
func (s *Store) find(k digest.Key) (*Realization, error) {
	e, err := s.readEntry(k)
	if err != nil {
		return nil, err
	}
	if e.err != nil {
		return s.mendEntry(k)
	}
	return e.r, nil
}

// whole returns ErrNotFound when a blob that r needs is lost or, where it is
// read anyway, damaged. It heals what the database has a copy of.
func (s *Store) whole(r *Realization) error {
	missing, err := s.missing(r)
	if err != nil || len(missing) == 0 {
		return err
	}
	for _, d := range missing {
		s.heal(d)
	}
	if missing, err = s.missing(r); err == nil && len(missing) > 0 {
		err = fmt.Errorf("%w: blob %s is lost", ErrNotFound, missing[0])
	}
	return err
}

// missing returns the blobs of r that are not there in their full size. Only
// manifests are read. The error says what could not be looked at.
func (s *Store) missing(r *Realization) (lost []digest.Digest, err error) {
	for _, ref := range s.refs(manifestDesc(r.Manifest)) {
		if isPassing(ref.err) {
			return nil, fmt.Errorf("blob %s: %w", ref.digest, ref.err)
		}
		if ref.err != nil {
			lost = append(lost, ref.digest)
		}
	}
	absent, err := s.absent(r.blobs())
	if err != nil {
		return nil, err
	}
	lost = append(lost, absent...)
	for _, f := range r.Files {
		if info, err := os.Lstat(s.BlobPath(f.Digest)); err == nil && info.Size() != f.Size {
			lost = append(lost, f.Digest)
		}
	}
	return lost, nil
}

// absent returns those of the blobs that have no file.
func (s *Store) absent(ds []digest.Digest) (lost []digest.Digest, err error) {
	for _, d := range ds {
		_, err := os.Lstat(s.BlobPath(d))
		if errors.Is(err, os.ErrNotExist) {
			lost = append(lost, d)
		} else if err != nil {
			return nil, fmt.Errorf("blob %s: %w", d, bare(err))
		}
	}
	return lost, nil
}

// lacks returns missing and absent of all that r names.
func (s *Store) lacks(r *Realization) (missing, inputs []digest.Digest, err error) {
	if missing, err = s.missing(r); err != nil {
		return nil, nil, err
	}
	inputs, err = s.absent(r.Inputs)
	return missing, inputs, err
}

// named returns the blobs of r, and those that its manifest names.
func (s *Store) named(r *Realization) []digest.Digest {
	return append(r.kept(), digestsOf(s.refs(manifestDesc(r.Manifest)))...)
}

// renewUse writes the last use into the time of a journal's or a root's file,
// where that is older than useInterval. A time in the future stays: what a wrong
// clock wrote keeps too long, and what it would write could lose.
func (s *Store) renewUse(path string) {
	used, err := lastUse(path)
	if now := s.now(); err == nil && now.Sub(used) >= useInterval {
		// On a disk that refuses it the hit is still a hit.
		_ = os.Chtimes(path, time.Time{}, now)
	}
}

func lastUse(path string) (time.Time, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
