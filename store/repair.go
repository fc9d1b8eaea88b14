package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Outcome is what became of a problem.
type Outcome string

const (
	Healed  Outcome = "healed"  // it is as it was put
	Dropped Outcome = "dropped" // it is gone, and whoever wants it next makes or fetches it again
	Lost    Outcome = "lost"    // it is still wrong: nothing here brings it back
)

// Repaired is a problem and what became of it.
type Repaired struct {
	Problem
	Outcome Outcome
	How     string // for people: from what it was healed, or what brings it back

	// What makes again what was dropped: a recipe and its format, or a builder image;
	// may be empty.
	Recipe, Format, Image string
}

// Repair is Verify, and makes good what it finds: from the database's copies, from
// index.json, and by making anew what is derived. What it can't heal it sets aside in
// quarantine/ with what names it, so that the store is whole and whoever wants it next
// makes it again: blobs; realizations that lack one that they need; unpacked trees;
// roots of such realizations, of images, and of sources. A realization that lacks only
// what it was built from stays without that.
//
// It then verifies once more; the report is of that. What is returned as Lost is a
// root that only its user could set again, or a file that is none of the store's.
// Nothing begins below the floor of 64 MiB: ErrNoSpace.
func (s *Store) Repair(ctx context.Context) ([]Repaired, Report, error) {
	all, after, err := s.repair(ctx)
	if err != nil {
		return nil, Report{}, fmt.Errorf("repair: %w", spaceError(s.dir, err))
	}
	return all, after, nil
}

func (s *Store) repair(ctx context.Context) ([]Repaired, Report, error) {
	if err := s.checkSpace(); err != nil {
		return nil, Report{}, err
	}
	v, err := s.verify(ctx)
	if err != nil {
		return nil, Report{}, err
	}
	if len(v.report.Problems) == 0 {
		return nil, v.report, nil
	}
	r := &repairs{s: s, done: map[string]Repaired{}}
	// What only the database has comes first, as long as it has that.
	steps := []func() error{
		r.layout, r.lostEntries, func() error { return r.blobs(v.blobs) }, r.damagedEntries,
		func() error { return r.lostBlobs(ctx) }, r.entries, r.roots,
		func() error { return r.trees(ctx, v.trees) }, func() error { return s.Rebuild(ctx) },
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, Report{}, err
		}
		if err := step(); err != nil {
			return nil, Report{}, err
		}
	}
	after, err := s.verify(ctx)
	if err != nil {
		return nil, Report{}, err
	}
	return r.outcomes(v.report.Problems, after.report.Problems), after.report, nil
}

// repairs is a Repair under way.
type repairs struct {
	s    *Store
	done map[string]Repaired // by path; without a problem of its own it is for what Verify says of the path
}

func (r *repairs) note(path, what string, to Repaired) {
	to.Path, to.What = path, what
	r.done[path] = to
}

// outcomes says of each problem, and of what was dropped for one, what became of it.
func (r *repairs) outcomes(before, after []Problem) (all []Repaired) {
	wrong := map[string]string{}
	for _, p := range after {
		wrong[p.Path] = p.What
	}
	said := map[string]bool{}
	add := func(p Problem) {
		one := r.done[p.Path]
		one.Problem = p
		if one.Outcome == "" {
			one.Outcome, one.How = Healed, "with what it names"
		}
		if what, still := wrong[p.Path]; still && one.Outcome != Lost {
			one = Repaired{Problem: Problem{p.Path, what}, Outcome: Lost, How: "nothing here heals it"}
		}
		said[p.Path] = true
		all = append(all, one)
	}
	for _, p := range before {
		add(p)
	}
	for path, one := range r.done {
		if one.Path != "" && !said[path] {
			add(one.Problem)
		}
	}
	for _, p := range after {
		if !said[p.Path] {
			add(p)
		}
	}
	slices.SortFunc(all, func(a, b Repaired) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.What, b.What))
	})
	return all
}

// layout puts back what is the same in every store. index.json and the database are
// made anew at the end.
func (r *repairs) layout() error {
	anew := Repaired{Outcome: Healed, How: "made anew"}
	for _, path := range []string{indexFile, dbDir} {
		r.done[path] = anew
	}
	info, err := os.Stat(r.s.dir)
	if err == nil && info.Mode().Perm() != 0o700 {
		r.done["."] = anew
		err = os.Chmod(r.s.dir, 0o700)
	}
	if err != nil {
		return err
	}
	if b, err := os.ReadFile(r.s.path(v1.ImageLayoutFile)); err != nil || string(b) != ociLayout {
		r.done[v1.ImageLayoutFile] = anew
		return r.s.writeFile(v1.ImageLayoutFile, []byte(ociLayout), 0o644)
	}
	return nil
}

// blobs heals blobs with a problem of their own, or sets them aside.
func (r *repairs) blobs(names []string) error {
	for _, name := range names {
		d, err := digest.ParseHex(name)
		if err != nil {
			return err
		}
		path := blobsDir + "/" + name
		switch ok, err := r.blob(d); {
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		case ok:
			r.done[path] = Repaired{Outcome: Healed, How: "from the database's copy, or its mode"}
		default:
			r.done[path] = Repaired{Outcome: Dropped, How: "set aside in quarantine/"}
		}
	}
	return nil
}

func (r *repairs) blob(d digest.Digest) (healed bool, err error) {
	path := r.s.BlobPath(d)
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return r.s.heal(d), nil
	}
	if err != nil {
		return false, err
	}
	if info.Mode().IsRegular() {
		if err = os.Chmod(path, 0o444); err == nil {
			err = r.s.CheckBlob(d)
		}
		if isLost(err) {
			return false, nil
		}
		if !isUnreadable(err) {
			return err == nil, err
		}
	}
	if err := moveDir(path, r.s.path(quarantineDir, "blob-"+d.Hex()+"-"+randomName())); err != nil && !isUnreadable(err) {
		return false, err // one that can't be moved is lost, as Verify says then
	}
	return r.s.heal(d), nil
}

// lostBlobs puts back what is named and gone, where the database has a copy.
func (r *repairs) lostBlobs(ctx context.Context) error {
	healed, err := r.s.healNamed(ctx)
	for _, d := range healed {
		path := blobsDir + "/" + d.Hex()
		r.done[path] = Repaired{Problem: Problem{path, ErrNotFound.Error()}, Outcome: Healed, How: "from the database's copy"}
	}
	return err
}

// trees sets unpacked layers aside that differ from their ledgers.
func (r *repairs) trees(ctx context.Context, ds []digest.Digest) error {
	for _, d := range ds {
		// One that can't be moved is lost, as Verify says then.
		if _, err := r.s.retireTree(d, inFull(ctx)); err != nil && !isLost(err) && !isUnreadable(err) {
			return fmt.Errorf("%s/%s: %w", treesDir, d.Hex(), err)
		}
		to := Repaired{Outcome: Dropped, How: "unpacked again from its layer when it is used"}
		r.done[treesDir+"/"+d.Hex()], r.done[treesDir+"/"+d.Hex()+".ledger"] = to, to
	}
	return nil
}
