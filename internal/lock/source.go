package lock

import (
	"context"
	"errors"
	"fmt"

	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
)

// Repository is one that a person named for a run. It is asked for the recipe's
// ref, which has to be Ref too.
type Repository struct {
	URL, Local string // one of them; Local is a path on this machine
	Ref        string
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
