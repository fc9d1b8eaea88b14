package store

import (
	"context"
	"errors"
	"os"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/store/digest"
)

// healNamed puts back from the database what is damaged of the journal, and what is
// damaged or lost of the small blobs that journal and roots name; what it can't stays.
// It comes before the database is made anew, since the copies would go with it. The
// caller holds no gate exclusively.
//
// It works as a Store of its own, whose session ends here: what is healed is held by
// what names it, or is garbage.
func (s *Store) healNamed(ctx context.Context) ([]digest.Digest, error) {
	own := &Store{dir: s.dir, now: s.now, gcWait: s.gcWait}
	defer own.Close()
	if err := own.healEntries(); err != nil {
		return nil, err
	}
	var healed []digest.Digest
	tried := map[digest.Digest]bool{}
	for range indexDepth + 1 { // a manifest that comes back may name others
		bad, err := own.badNamed()
		if err != nil {
			return nil, err
		}
		before := len(healed)
		for _, d := range bad {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if !tried[d] && own.heal(d) {
				healed = append(healed, d)
			}
			tried[d] = true
		}
		if len(healed) == before {
			break
		}
	}
	return healed, nil
}

// healEntries puts damaged entries of the journal back; one of which the database has
// nothing stays.
func (s *Store) healEntries() error {
	entries, err := s.readJournal()
	if err != nil {
		return err
	}
	for _, e := range entries {
		k, err := digest.ParseKey("sha256:" + e.name)
		if err != nil || e.err == nil {
			continue
		}
		if _, err := s.realizationInDB(k); err != nil {
			continue
		}
		if _, err := s.mendEntry(k); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// badNamed returns those of the blobs that journal and roots name which are lost, or
// small enough for a copy and damaged.
func (s *Store) badNamed() ([]digest.Digest, error) {
	entries, err := s.readJournal()
	if err != nil {
		return nil, err
	}
	roots, err := s.readRoots()
	if err != nil {
		return nil, err
	}
	named := map[digest.Digest]bool{}
	note := func(ds []digest.Digest) {
		for _, d := range ds {
			named[d] = true
		}
	}
	for _, e := range entries {
		if e.err == nil {
			note(s.named(e.r))
		}
	}
	for _, r := range roots {
		if r.err == nil {
			note(digestsOf(s.refs(r.desc)))
		}
	}
	all := make([]digest.Digest, 0, len(named))
	for d := range named {
		all = append(all, d)
	}
	bad := make([]bool, len(all))
	parallel.Each(len(all), func(i int) { bad[i] = s.isBad(all[i]) })
	var ds []digest.Digest
	for i, d := range all {
		if bad[i] {
			ds = append(ds, d)
		}
	}
	return ds, nil
}

func (s *Store) isBad(d digest.Digest) bool {
	info, err := os.Lstat(s.BlobPath(d))
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	if info.Size() > copyLimit {
		return false
	}
	_, err = s.peekBlob(d, copyLimit)
	return isLost(err)
}
