package realize

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// ResolveGit fetches a commit of the named git source, keeps its tree in the store, and
// returns what a lock says of it, but for the count. commit is a full id. local
// is a repository on this machine that a person named; empty: the source's URLs
// count.
func (r *Realizer) ResolveGit(ctx context.Context, rec *recipe.Recipe, name string, src recipe.Git, local, commit string) (recipe.Locked, error) {
	about := event.Node{Name: rec.Name, Format: Source}
	c, err := r.checkout(ctx, about, src, local, commit)
	if err != nil {
		return recipe.Locked{}, err
	}
	defer c.close()
	if _, err := PackTree(r.Store, c.files, c.tree); err != nil {
		return recipe.Locked{}, err
	}
	l := recipe.Locked{Ref: src.Ref, Commit: c.ID, Tree: c.tree, Epoch: c.Epoch}
	if rec.Deb == nil || name != recipe.Main {
		return l, nil
	}
	files, err := rec.Deb.Edited(c.files)
	if err != nil {
		return l, err
	}
	folder, err := fs.Sub(files, rec.Deb.Debian)
	if err != nil {
		return l, err
	}
	s, err := stamp(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil // debian/ is the recipe's own
	}
	l.Version = s.Version
	return l, err
}

// ResolveRef is ResolveGit for what a branch or a tag is now.
func (r *Realizer) ResolveRef(ctx context.Context, rec *recipe.Recipe, name string, src recipe.Git, local string) (recipe.Locked, error) {
	commit := src.Ref
	if !recipe.IsCommit(commit) {
		err := r.Git(src, local, func(c *git.Client, from git.Remote) (err error) {
			commit, _, err = c.Resolve(ctx, from, src.Ref)
			return err
		})
		if err != nil {
			return recipe.Locked{}, err
		}
	}
	return r.ResolveGit(ctx, rec, name, src, local, commit)
}

// Source is what stands for «deb» or «rpm» in the events about a source.
const Source = "source"

// Git lets do ask the repository of a git source with a client whose directory
// is there as long as do runs.
func (r *Realizer) Git(src recipe.Git, local string, do func(*git.Client, git.Remote) error) error {
	scratch, err := r.Store.Scratch("git")
	if err != nil {
		return err
	}
	remote := git.Remote{Local: local}
	if src.URL != "" {
		remote.URLs = append([]string{src.URL}, src.Mirrors...)
	}
	client := &git.Client{Tmp: scratch.Dir, Mirrors: r.GitMirrors, Offline: r.Offline}
	return errors.Join(do(client, remote), scratch.Close())
}

// checkedOut is a commit's files in a directory of their own.
type checkedOut struct {
	git.Commit
	files fs.FS
	tree  digest.Digest
	close func()
}

// checkout fetches a commit; the caller closes it.
func (r *Realizer) checkout(ctx context.Context, about event.Node, src recipe.Git, local, commit string) (_ *checkedOut, err error) {
	scratch, err := r.Store.Scratch("source")
	if err != nil {
		return nil, err
	}
	c := &checkedOut{close: func() { scratch.Close() }} // what stays is swept by the next run
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	dir := filepath.Join(scratch.Dir, "tree")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	r.emit(event.Event{Node: about, State: event.Fetching, Step: src.URL})
	options := git.Options{Submodules: src.Submodules, Progress: func(text string, done, total int64) {
		r.emit(event.Event{Node: about, State: event.Fetching, Step: text})
	}}
	err = r.Git(src, local, func(c2 *git.Client, remote git.Remote) error {
		c.Commit, err = c2.Checkout(ctx, remote, commit, options, dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	c.files = root.FS()
	c.close = func() { root.Close(); scratch.Close() }
	c.tree, err = tree.Digest(c.files)
	return c, err
}
