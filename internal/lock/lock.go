package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Locker makes locks, of one recipe after another. Its fields are set before its
// first use; Close ends it.
type Locker struct {
	*realize.Realizer
	Resolver *resolve.Resolver

	// Repositories are asked in place of recipes' own, by recipe; may be nil.
	Repositories map[string]Repository

	indices map[string]*resolve.Index      // by suite: one state of the archive a run
	apts    map[digest.Digest]*resolve.Apt // by the image that it runs in
}

// Repository is one that a person named for a run. It is asked for the recipe's
// ref, which has to be Ref too.
type Repository struct {
	URL, Local string // one of them; Local is a path on this machine
	Ref        string
}

// Close removes what apt has on disk.
func (l *Locker) Close() error {
	var errs []error
	for _, a := range l.apts {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
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

// Result is a recipe's new lock.
type Result struct {
	Recipe  *recipe.Recipe
	Lock    *recipe.Lock
	Lists   map[recipe.Format][]recipe.Package // of the formats that need any; those that did not change too
	Changed bool                               // the lock, or a list, is not as it was
	Notes   []string                           // what changed, a line each, for people
	Commits []git.LogEntry                     // between the old commit and the new, newest first
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
	if err := l.source(ctx, res, update); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
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

// source resolves the main source.
func (l *Locker) source(ctx context.Context, res *Result, update bool) error {
	rec := res.Recipe
	known, err := rec.LockedSource(recipe.Main)
	fits := err == nil
	_, isGit := rec.Sources[recipe.Main].(recipe.Git)
	if _, given := l.Repositories[rec.Name]; given && !isGit {
		return errors.New("--source: the recipe's source is no repository")
	}
	switch src := rec.Sources[recipe.Main].(type) {
	case recipe.Git:
		if _, _, err := l.from(rec.Name, src); err != nil {
			return err
		}
		if fits && (!update || recipe.IsCommit(src.Ref)) {
			res.Lock.Sources[recipe.Main] = known
			return nil
		}
		locked, err := l.resolveGit(ctx, rec, src)
		if err != nil {
			return &realize.SourceError{Recipe: rec.Name, Ref: src.Ref, Err: err}
		}
		res.Lock.Sources[recipe.Main] = locked
		before := rec.Lock.Sources[recipe.Main].Commit
		if before == locked.Commit {
			return nil
		}
		res.Notes = append(res.Notes, fmt.Sprintf("%s: %s is commit %s", recipe.Main, src.Ref, locked.Commit))
		if before != "" {
			res.Commits, err = l.between(ctx, rec.Name, src, before, locked.Commit)
		}
		var rewritten *git.NotAncestorError
		if errors.As(err, &rewritten) {
			res.Notes = append(res.Notes, fmt.Sprintf("%s: %v: was it rewritten?", recipe.Main, rewritten))
			return nil
		}
		return err
	case recipe.Dsc:
		if fits {
			res.Lock.Sources[recipe.Main] = known
			return nil
		}
		look, err := l.Look(ctx, rec, recipe.FormatDeb, recipe.Locked{})
		if err != nil {
			return err
		}
		s, err := look.Stamp()
		if err := errors.Join(err, look.Close()); err != nil {
			return err
		}
		res.Lock.Sources[recipe.Main] = recipe.Locked{Version: s.Version, Epoch: s.Epoch}
		res.Notes = append(res.Notes, fmt.Sprintf("%s: version %s", recipe.Main, s.Version))
	}
	return nil
}

// resolveGit finds out which commit the ref is, and all that a lock says of it.
func (l *Locker) resolveGit(ctx context.Context, rec *recipe.Recipe, src recipe.Git) (locked recipe.Locked, err error) {
	src, local, err := l.from(rec.Name, src)
	if err != nil {
		return locked, err
	}
	var commit string
	var count int
	err = l.Git(src, local, func(c *git.Client, from git.Remote) error {
		if commit, err = c.Resolve(ctx, from, src.Ref); err != nil {
			return err
		}
		count, err = c.Count(ctx, from, commit)
		return err
	})
	if err != nil {
		return locked, err
	}
	locked, err = l.ResolveGit(ctx, rec, src, local, commit)
	locked.Count = count
	return locked, err
}

// from returns where the commits of a recipe come from.
func (l *Locker) from(name string, src recipe.Git) (recipe.Git, string, error) {
	r, ok := l.Repositories[name]
	if !ok {
		return src, "", nil
	}
	if r.Ref != src.Ref {
		return src, "", fmt.Errorf("--source: ref %s: the recipe says %s", r.Ref, src.Ref)
	}
	src.URL, src.Mirrors = r.URL, nil
	return src, r.Local, nil
}

func (l *Locker) between(ctx context.Context, name string, src recipe.Git, from, to string) (log []git.LogEntry, err error) {
	src, local, err := l.from(name, src)
	if err != nil {
		return nil, err
	}
	err = l.Git(src, local, func(c *git.Client, remote git.Remote) error {
		log, err = c.Between(ctx, remote, from, to)
		return err
	})
	return log, err
}

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
	apt, err := l.apt(ctx, rec.Build(f).Builder)
	if err != nil {
		return nil, err
	}
	packages, err := apt.Install(ctx, depends, conflicts)
	if err != nil {
		return nil, l.place(err, f, look, rec)
	}
	release := apt.Index.Release
	b := &recipe.BuildLock{Asked: *asked}
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

// Stale says what of a recipe's lock does not fit, as far as can be told without
// fetching: nil where all fits. It asks nobody.
func (l *Locker) Stale(ctx context.Context, name string) error {
	rec, err := l.Recipes.Recipe(name)
	if err != nil {
		return err
	}
	var all []error
	for _, f := range rec.Formats() {
		if _, err := l.Node(ctx, realize.Target{Name: name, Format: f}); err != nil {
			all = append(all, err)
			continue
		}
		if _, err := l.Recipes.ExtraPackages(rec, f); err != nil {
			all = append(all, &recipe.CloseError{Recipe: name, Err: fmt.Errorf("%s: %w", f, err)})
			continue
		}
		b := rec.Lock.Build(f)
		if b == nil {
			continue // Node has seen that nothing is asked for
		}
		asked, err := l.AskedAgain(rec, f, b.Depends)
		if err != nil {
			return err
		}
		if err := rec.CheckAsked(f, *asked); err != nil {
			all = append(all, &recipe.CloseError{Recipe: name, Err: fmt.Errorf("%s: %w", f, err)})
		}
	}
	if rec.Lock != nil {
		for _, source := range slices.Sorted(maps.Keys(rec.Lock.Sources)) {
			if _, err := rec.LockedSource(source); err != nil {
				all = append(all, err)
			}
		}
	}
	return errors.Join(dedupe(all)...)
}

// dedupe drops errors that say the same: both formats see the same source.
func dedupe(all []error) (out []error) {
	seen := map[string]bool{}
	for _, err := range all {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
