package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Locker makes locks. It is safe for concurrent use; its fields are set before the
// first, and Close ends it.
type Locker struct {
	*realize.Realizer
	Resolver *resolve.Resolver

	// Repositories are asked in place of recipes' own; may be nil.
	Repositories map[recipe.SourceName]Repository

	mu      sync.Mutex                     // guards what follows
	indices map[string]*resolve.Index      // by suite: one state of the archive a run
	apts    map[digest.Digest]*resolve.Apt // by the image that it runs in
}

// Close removes what apt has on disk.
func (l *Locker) Close() error {
	var errs []error
	for _, a := range l.apts {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
}

// Result is a recipe's new lock.
type Result struct {
	Recipe  *recipe.Recipe
	Lock    *recipe.Lock
	Lists   map[recipe.Format][]recipe.Package // of the formats that need any; those that did not change too
	Changed bool                               // the lock, or a list, is not as it was
	Notes   []string                           // what changed, a line each, for people
	Commits []git.LogEntry                     // between the old commit of Main and the new, newest first
}

// Files returns what is to be written into the recipe's folder, by name; nil
// text: the file is to be removed.
func (r *Result) Files() map[string][]byte {
	out := map[string][]byte{recipe.LockName: r.Lock.Text()}
	for _, f := range r.Recipe.Formats() {
		list := r.Lists[f]
		if len(list) == 0 {
			out[recipe.PackagesName(f)] = nil
			continue
		}
		var b bytes.Buffer
		recipe.WritePackages(&b, list) // a bytes.Buffer takes everything
		out[recipe.PackagesName(f)] = b.Bytes()
	}
	return out
}

// Lock resolves what the lock of a recipe lacks; with update, also to what its
// branches and tags are now.
func (l *Locker) Lock(ctx context.Context, name string, update bool) (*Result, error) {
	rec, err := l.Recipes.Unlocked(name)
	if err != nil {
		return nil, err
	}
	old, err := l.Recipes.ReadLock(rec)
	if err != nil || old == nil {
		old = &recipe.Lock{} // one that can't be read is made anew
	}
	res := &Result{Recipe: rec, Lists: map[recipe.Format][]recipe.Package{}}
	res.Lock = &recipe.Lock{Sources: map[string]recipe.Locked{}}
	rec.Lock = old
	for _, source := range slices.Sorted(maps.Keys(rec.Sources)) {
		if err := l.source(ctx, res, source, update); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, f := range rec.Formats() {
		b, err := l.build(ctx, res, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, f, err)
		}
		if f == recipe.FormatRPM {
			res.Lock.RPM = b
		} else {
			res.Lock.Deb = b
		}
	}
	res.Changed = res.Changed || !bytes.Equal(res.Lock.Text(), old.Text())
	return res, nil
}
