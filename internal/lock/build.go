package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// build resolves the build dependencies of a format.
func (l *Locker) build(ctx context.Context, res *Result, f recipe.Format) (*recipe.BuildLock, error) {
	rec := res.Recipe
	locked := res.Lock.Sources[recipe.Main]
	if b := rec.Lock.Build(f); b != nil && locked == rec.Lock.Sources[recipe.Main] && !l.AtHand(rec, locked) {
		// The source is what it was, and so is what it asks for: not worth a fetch.
		fits, err := l.fits(rec, f, b)
		if err != nil {
			return nil, err
		}
		if fits && l.keep(res, f, b) {
			return b, nil
		}
	}
	look, err := l.Look(ctx, rec, f, locked)
	if err != nil {
		return nil, err
	}
	if f == recipe.FormatDeb && locked.Commit != "" {
		// An edit may have come, or gone.
		version, err := look.Version()
		if err != nil {
			return nil, errors.Join(err, look.Close())
		}
		if version != "" && version != locked.Version {
			locked.Version = version
			res.Lock.Sources[recipe.Main] = locked
			res.Notes = append(res.Notes, fmt.Sprintf("%s: version %s", recipe.Main, version))
		}
	}
	b, err := l.resolve(ctx, res, f, look)
	return b, errors.Join(err, look.Close())
}

// fits reports whether what a lock has still is what the recipe asks for, as far
// as can be told without the source.
func (l *Locker) fits(rec *recipe.Recipe, f recipe.Format, b *recipe.BuildLock) (bool, error) {
	asked, err := l.AskedAgain(rec, f, b.Depends)
	if err != nil {
		return false, err
	}
	return rec.CheckAsked(f, *asked) == nil, nil
}

// keep takes what the lock has; false: its list is gone, or another one.
func (l *Locker) keep(res *Result, f recipe.Format, b *recipe.BuildLock) bool {
	list, err := l.Recipes.ExtraPackages(res.Recipe, f)
	if err != nil {
		res.Changed = true // whatever the lock's text will be
		return false
	}
	if len(list) > 0 {
		res.Lists[f] = list
	}
	return true
}

// resolve lets apt choose what is missing in the builder; nil: there is nothing
// to keep in mind.
func (l *Locker) resolve(ctx context.Context, res *Result, f recipe.Format, look *realize.Look) (*recipe.BuildLock, error) {
	rec := res.Recipe
	asked, err := look.Asked()
	if err != nil {
		return nil, err
	}
	if rec.CheckAsked(f, *asked) == nil {
		old := rec.Lock.Build(f)
		if _, isPath := rec.Sources[recipe.Main].(recipe.Path); old == nil && isPath {
			return nil, nil // at hand at each run, and it asks for nothing
		}
		if old != nil && l.keep(res, f, old) {
			return old, nil
		}
	}
	depends, conflicts, err := l.relations(ctx, rec, f, look, asked)
	if err != nil {
		return nil, err
	}
	b := &recipe.BuildLock{Asked: *asked}
	if len(depends)+len(conflicts) == 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("%s: %s", f, counted(0)))
		return b, nil
	}
	apt, err := l.apt(ctx, rec.Build(f).Builder)
	if err != nil {
		return nil, err
	}
	packages, err := apt.Install(ctx, depends, conflicts)
	if err != nil {
		return nil, l.place(err, f, look, rec)
	}
	release := apt.Index.Release
	if len(packages) > 0 {
		var list bytes.Buffer
		recipe.WritePackages(&list, packages)
		b.Release, b.Packages = release, digest.Of(list.Bytes())
		res.Lists[f] = packages
	}
	res.Notes = append(res.Notes, fmt.Sprintf("%s: %s", f, counted(len(packages))))
	return b, nil
}

func counted(n int) string {
	switch n {
	case 0:
		return "the builder holds all that is asked for"
	case 1:
		return "1 package beyond the builder"
	}
	return fmt.Sprintf("%d packages beyond the builder", n)
}

// apt returns the apt of a builder's image.
func (l *Locker) apt(ctx context.Context, name string) (*resolve.Apt, error) {
	chain, err := l.Recipes.Chain(name)
	if err != nil {
		return nil, err
	}
	image, err := l.Images.Ensure(ctx, name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.apts[image.Digest]; a != nil {
		return a, nil
	}
	suite := chain[0].Suite
	index := l.indices[suite]
	if index == nil {
		if index, err = l.Resolver.Index(ctx, suite); err != nil {
			return nil, err
		}
	}
	a, err := l.Resolver.Apt(ctx, image, index)
	if err != nil {
		return nil, err
	}
	if l.indices == nil {
		l.indices, l.apts = map[string]*resolve.Index{}, map[digest.Digest]*resolve.Apt{}
	}
	l.indices[suite], l.apts[image.Digest] = index, a
	return a, nil
}
