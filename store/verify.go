package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Problem is one thing that is not as it was put.
type Problem struct {
	Path string // below the store's directory
	What string
}

// Report is what Verify saw.
type Report struct {
	Blobs, Realizations, Roots, Trees int
	Bytes                             int64     // of blobs
	Problems                          []Problem // sorted by path
}

// verification is a Verify under way.
type verification struct {
	s      *Store
	mu     sync.Mutex // guards what follows
	report Report
	blobs  []string        // those with a problem of their own, by name
	trees  []digest.Digest // likewise
}

// Verify reads all and changes nothing, but for two things that a killed
// process leaves and the next one settles: an index.json behind roots/ and a
// database that was not closed. It hashes each blob, follows each realization
// and root to its blobs, compares each tree in full with its ledger, index.json
// with roots/, and the database with the journal. What is damaged is in the
// report; the error says why Verify could not go on. Others may put, look up
// and record meanwhile; GC waits.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	v, err := s.verify(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	return v.report, nil
}

func (s *Store) verify(ctx context.Context) (*verification, error) {
	gate, err := s.addGate()
	if err != nil {
		return nil, err
	}
	defer gate.release()
	v := &verification{s: s}
	for _, step := range []func(context.Context) error{v.layout, v.checkRoots, v.journal, v.checkBlobs, v.checkTrees, v.database} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(v.report.Problems, func(a, b Problem) int {
		return strings.Compare(a.Path+"\x00"+a.What, b.Path+"\x00"+b.What)
	})
	v.report.Problems = slices.Compact(v.report.Problems)
	return v, nil
}

func (v *verification) problem(path string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Problems = append(v.report.Problems, Problem{path, err.Error()})
}

func (v *verification) layout(context.Context) error {
	info, err := os.Stat(v.s.dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm() != 0o700 {
		v.problem(".", fmt.Errorf("mode %04o, want 0700", info.Mode().Perm()))
	}
	b, err := os.ReadFile(v.s.path("oci-layout"))
	if err != nil {
		v.problem("oci-layout", bare(err))
	} else if string(b) != ociLayout {
		v.problem("oci-layout", fmt.Errorf("%w: it reads %.60q", ErrCorrupt, b))
	}
	if err := v.s.settleIndex(); errors.Is(err, ErrCorrupt) {
		v.problem(indexFile, err)
	} else if err != nil && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, ErrNoSpace) {
		return err
	}
	return nil
}

func (v *verification) checkRoots(context.Context) error {
	roots, err := v.s.readRoots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		v.report.Roots++
		path := rootsDir + "/" + r.name
		if r.err != nil {
			v.problem(path, r.err)
			continue
		}
		v.refs(path, v.s.refs(r.desc))
	}
	return nil
}

func (v *verification) refs(path string, refs []ref) {
	for _, r := range refs {
		if r.err != nil {
			v.problem(path, fmt.Errorf("blob %s: %w", r.digest, r.err))
		}
	}
}

func (v *verification) journal(context.Context) error {
	entries, err := v.s.readJournal()
	if err != nil {
		return err
	}
	for _, e := range entries {
		v.report.Realizations++
		path := journalDir + "/" + e.name
		if e.err != nil {
			v.problem(path, e.err)
			continue
		}
		v.refs(path, v.s.refs(manifestDesc(e.r.Manifest)))
		sizes := map[digest.Digest]int64{}
		for _, f := range e.r.Files {
			sizes[f.Digest] = f.Size
		}
		for _, d := range e.r.kept() {
			size, ok := sizes[d]
			if !ok {
				size = -1
			}
			if err := v.s.checkBlobSize(d, size); err != nil {
				v.problem(path, fmt.Errorf("blob %s: %w", d, err))
			}
		}
	}
	return nil
}

func (v *verification) checkTrees(ctx context.Context) error {
	names, err := readNames(v.s.path(treesDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		path := treesDir + "/" + name
		hex, isLedger := strings.CutSuffix(name, ".ledger")
		d, err := digest.ParseHex(hex)
		if err != nil {
			v.problem(path, errors.New("not a tree: its name is no digest"))
			continue
		}
		if isLedger {
			continue // read with its tree; alone it is what a crash leaves
		}
		v.report.Trees++
		l, err := v.s.readLedger(d)
		if err != nil {
			v.problem(path+".ledger", err)
			v.trees = append(v.trees, d)
			continue
		}
		if err = tree.CheckFull(ctx, v.s.treePath(d), l); err != nil {
			v.trees = append(v.trees, d)
		}
		var damage *tree.DamageError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &damage):
			for _, line := range damage.Diff {
				v.problem(path, fmt.Errorf("%w: %s", ErrCorrupt, line))
			}
		case err != nil:
			v.problem(path, err)
		}
	}
	return nil
}
