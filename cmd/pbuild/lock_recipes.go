package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/internal/lock"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
)

// lockOptions is what the flags of lock and update say.
type lockOptions struct {
	names         []string // all without
	check, update bool
}

// lockedRecipe is one row of «lock» and «update».
type lockedRecipe struct {
	State   string         `json:"state"` // "fits", "locked", "stale"
	Recipe  string         `json:"recipe"`
	Notes   []string       `json:"notes,omitempty"`
	Commits []lockedCommit `json:"commits,omitempty"`
}

type lockedCommit struct {
	Commit  string `json:"commit"`
	Date    string `json:"date"`
	Subject string `json:"subject"`
}

func runLock(c *cli.Context, con *console, o lockOptions) error {
	verb := typedVerb(c)
	at, err := placesWith(c, con)
	if err != nil {
		return err
	}
	all, failed := lockRecipes(c.Context, con, at, verb, o)
	if err := con.lockedRecipes(all); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	if failed != nil {
		return fmt.Errorf("%s: %w", verb, failed)
	}
	return nil
}

// lockRecipes goes on after a recipe that can't be locked; the error joins all.
func lockRecipes(ctx context.Context, con *console, at places, verb string, o lockOptions) (all []lockedRecipe, failed error) {
	view := con.progress(verb)
	defer view.stop()
	w, err := openWorkplace(con, at, view.event)
	if err != nil {
		return nil, err
	}
	defer w.close()
	l := &lock.Locker{Realizer: w.bareRealizer(), Resolver: &resolve.Resolver{Store: w.store, Fetch: w.fetch, Arch: w.arch}}
	defer func() { failed = errors.Join(failed, l.Close()) }()
	if l.Repositories, err = repositories(w.sources); err != nil {
		return nil, err
	}
	for _, s := range w.sources {
		rec, err := w.recipes.Unlocked(s.Name.Recipe)
		if err == nil {
			err = rec.HasSource(s.Name.Source)
		}
		if err != nil {
			return nil, fmt.Errorf("--source %s: %w", s.Name, err)
		}
	}
	names := o.names
	if len(names) == 0 {
		if names = append(w.recipes.Names(), w.recipes.Bad()...); len(names) == 0 {
			return nil, fmt.Errorf("%w in %s", realize.ErrNoRecipes, w.recipes.Dir)
		}
	}
	if len(o.names) == 0 {
		names = w.withVariants(names)
	}
	for _, s := range w.sources {
		asks := func(name string) bool { folder, _, _ := strings.Cut(name, "+"); return folder == s.Name.Recipe }
		if !slices.ContainsFunc(names, asks) {
			return nil, &realize.UntakenError{Source: s.Name, Where: s.Where}
		}
	}
	// What they ask for is found out at once, and written in the order of the names.
	turns := make([]turn, len(names))
	for i, name := range names {
		turns[i] = turn{name: name, done: make(chan struct{})}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	go func() {
		for i := range turns {
			group.Go(func() error { turns[i].resolve(ctx, l, o); return nil })
		}
	}()
	for i := range turns {
		<-turns[i].done
		row, err := w.lockOne(&turns[i], o.check)
		if row != nil {
			all = append(all, *row)
		}
		failed = errors.Join(failed, err)
	}
	if ctx.Err() != nil {
		return all, ctx.Err()
	}
	return all, failed
}

// turn is one recipe of those that are locked or checked.
type turn struct {
	name string
	done chan struct{} // closed when what follows is known

	res *lock.Result // nil of one that is checked
	err error
}

func (t *turn) resolve(ctx context.Context, l *lock.Locker, o lockOptions) {
	defer close(t.done)
	if t.err = ctx.Err(); t.err != nil {
		return
	}
	if o.check {
		t.err = l.Stale(ctx, t.name)
		return
	}
	t.res, t.err = l.Lock(ctx, t.name, o.update)
}

// withVariants returns recipes, each with its variants behind it. One that can't be read
// is told when it is locked.
func (w *workplace) withVariants(names []string) (all []string) {
	for _, name := range names {
		all = append(all, name)
		rec, err := w.recipes.Unlocked(name)
		if err != nil {
			continue
		}
		for _, variant := range rec.Variants {
			all = append(all, name+"+"+variant)
		}
	}
	return all
}

// repositories returns the repositories that --source names.
func repositories(sources []sourceArg) (map[recipe.SourceName]lock.Repository, error) {
	out := map[recipe.SourceName]lock.Repository{}
	for _, s := range sources {
		if s.Folder {
			return nil, &usageError{
				msg:  fmt.Sprintf("--source %s=%s: want a repository with the recipe's ref: DIR@REF", s.Name, s.Where),
				hint: "pbuild help lock",
			}
		}
		out[s.Name] = lock.Repository{URL: s.URL, Local: s.Repo, Ref: s.Ref}
	}
	return out, nil
}

// lockOne writes what is new of a recipe's lock, and tells what became of it.
func (w *workplace) lockOne(t *turn, check bool) (*lockedRecipe, error) {
	row := &lockedRecipe{State: "fits", Recipe: t.name}
	switch {
	case t.err != nil && check && !errors.Is(t.err, context.Canceled):
		row.State = "stale"
		row.Notes = strings.Split(t.err.Error(), "\n")
		return row, t.err
	case t.err != nil:
		return nil, t.err
	case check:
		return row, nil
	}
	res, name := t.res, t.name
	if row.Notes = res.Notes; !res.Changed {
		return row, nil
	}
	files := res.Files()
	order := slices.SortedFunc(maps.Keys(files), func(a, b string) int {
		// The lock last, since it names the others' digests.
		return cmp.Or(compareBool(a == recipe.LockName, b == recipe.LockName), strings.Compare(a, b))
	})
	for _, file := range order {
		if err := w.con.putRecipeFile(w.dir, name, file, files[file]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, file, err)
		}
	}
	row.State = "locked"
	for _, c := range res.Commits {
		row.Commits = append(row.Commits, lockedCommit{c.ID, time.Unix(c.Epoch, 0).UTC().Format(time.RFC3339), c.Subject})
	}
	return row, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// lockedRecipes prints what became of locks.
func (c *console) lockedRecipes(all []lockedRecipe) error {
	var rows [][]cell
	for _, r := range all {
		if c.json {
			if err := c.object(r); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []cell{plain(r.State), plain(r.Recipe), plain(strings.Join(r.Notes, "; "))})
		for _, commit := range r.Commits {
			rows = append(rows, []cell{plain(""), {commit.Commit[:12], commit.Commit}, plain(commit.Date[:10] + "  " + commit.Subject)})
		}
	}
	return c.table(rows)
}
