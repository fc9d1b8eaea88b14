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

// source resolves one source of a recipe.
func (l *Locker) source(ctx context.Context, res *Result, name string, update bool) error {
	rec := res.Recipe
	full := recipe.SourceName{Recipe: rec.Folder, Source: name} // a variant has the recipe's
	known, err := rec.LockedSource(name)
	fits := err == nil
	_, isGit := rec.Sources[name].(recipe.Git)
	if _, given := l.Repositories[full]; given && !isGit {
		return errors.New("--source: the recipe's source is no repository")
	}
	switch src := rec.Sources[name].(type) {
	case recipe.Git:
		if _, _, err := l.from(full, src); err != nil {
			return err
		}
		if fits && (!update || recipe.IsCommit(src.Ref)) {
			res.Lock.Sources[name] = known
			return nil
		}
		locked, err := l.resolveGit(ctx, rec, name, src)
		if err != nil {
			return &realize.SourceError{Source: full, Ref: src.Ref, Err: err}
		}
		res.Lock.Sources[name] = locked
		before := rec.Lock.Sources[name].Commit
		if before == locked.Commit {
			return nil
		}
		note := fmt.Sprintf("%s: %s is commit %s", name, src.Ref, locked.Commit)
		if recipe.IsCommit(src.Ref) {
			note = fmt.Sprintf("%s: commit %s", name, locked.Commit)
		}
		res.Notes = append(res.Notes, note)
		if before == "" || name != recipe.Main {
			return nil
		}
		res.Commits, err = l.between(ctx, full, src, before, locked.Commit)
		var rewritten *git.NotAncestorError
		if errors.As(err, &rewritten) {
			res.Notes = append(res.Notes, fmt.Sprintf("%s: %v: was it rewritten?", name, rewritten))
			return nil
		}
		return err
	case recipe.Dsc:
		if fits {
			res.Lock.Sources[name] = known
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
		res.Lock.Sources[name] = recipe.Locked{Version: s.Version, Epoch: s.Epoch}
		res.Notes = append(res.Notes, fmt.Sprintf("%s: version %s", name, s.Version))
	}
	return nil
}

// resolveGit finds out which commit the ref is, and all that a lock says of it.
func (l *Locker) resolveGit(ctx context.Context, rec *recipe.Recipe, name string, src recipe.Git) (locked recipe.Locked, err error) {
	src, local, err := l.from(recipe.SourceName{Recipe: rec.Folder, Source: name}, src)
	if err != nil {
		return locked, err
	}
	var commit string
	var kind git.Kind
	var count int
	err = l.Git(src, local, func(c *git.Client, from git.Remote) error {
		if commit, kind, err = c.Resolve(ctx, from, src.Ref); err != nil || name != recipe.Main {
			return err // nobody stamps the others' count, which needs their whole history
		}
		count, err = c.Count(ctx, from, commit)
		return err
	})
	if err != nil {
		return locked, err
	}
	locked, err = l.ResolveGit(ctx, rec, name, src, local, commit)
	locked.Kind, locked.Count = recipe.RefKind(kind), count
	return locked, err
}

// from returns where the commits of a source come from.
func (l *Locker) from(name recipe.SourceName, src recipe.Git) (recipe.Git, string, error) {
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

func (l *Locker) between(ctx context.Context, name recipe.SourceName, src recipe.Git, from, to string) (log []git.LogEntry, err error) {
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
