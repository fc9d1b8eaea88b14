package realize

import (
	"context"
	"fmt"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// source is one that the store holds.
type source struct {
	files map[string]digest.Digest // of a Debian source package, by file name
	tree  digest.Digest            // of a commit: the blob that PackSource wrote
}

// blobs returns what a realization keeps, so that it can be built again when
// all that it was fetched from is gone.
func blobs(sources map[string]source) (all []digest.Digest) {
	for _, s := range sources {
		for _, d := range s.files {
			all = append(all, d)
		}
		if !s.tree.IsZero() {
			all = append(all, s.tree)
		}
	}
	return all
}

// obtainAll brings the node's sources into the store, where they are not folders
// that are at hand.
func (r *Realizer) obtainAll(ctx context.Context, n *Node) (map[string]source, error) {
	all := map[string]source{}
	for _, name := range n.Recipe.Takes(n.Format) {
		if n.folders[name] != nil {
			continue
		}
		s, err := r.obtain(ctx, n, name)
		if err != nil {
			return nil, err
		}
		all[name] = s
	}
	return all, nil
}

// obtain brings one source into the store.
func (r *Realizer) obtain(ctx context.Context, n *Node, name string) (source, error) {
	switch src := n.Recipe.Sources[name].(type) {
	case recipe.Dsc:
		files, err := r.obtainDsc(ctx, n, src)
		return source{files: files}, err
	case recipe.Git:
		blob, err := r.obtainGit(ctx, n, name, src)
		return source{tree: blob}, err
	}
	return source{}, nil
}

// obtainDsc fetches a Debian source package and returns its files by name.
func (r *Realizer) obtainDsc(ctx context.Context, n *Node, src recipe.Dsc) (map[string]digest.Digest, error) {
	first := []fetch.File{{Path: src.Path, Package: n.Recipe.Name, Want: src.SHA256, Size: -1}}
	if err := r.fetchWhole(ctx, n, first); err != nil {
		return nil, err
	}
	files, names, err := r.dscFiles(src)
	if err != nil {
		return nil, err
	}
	return names, r.fetchWhole(ctx, n, files)
}

// obtainGit returns the blob of a commit's files, from the store or from where
// the recipe says. What comes must have the locked tree.
func (r *Realizer) obtainGit(ctx context.Context, n *Node, name string, src recipe.Git) (digest.Digest, error) {
	locked := n.Derivation.Sources[name]
	if blob, err := r.kept(locked.Digest); !lost(err) {
		return blob, err
	}
	// Both formats of a recipe want the same source.
	unlock, err := r.Store.LockName(ctx, "source-"+locked.Digest.Hex())
	if err != nil {
		return digest.Digest{}, err
	}
	defer unlock()
	if blob, err := r.kept(locked.Digest); !lost(err) {
		return blob, err
	}
	c, err := r.checkout(ctx, n.event(), src, "", locked.Commit)
	if err != nil {
		return digest.Digest{}, &SourceError{Source: recipe.SourceName{Recipe: n.Recipe.Folder, Source: name}, Sets: r.Recipes.SetsFor(n.Recipe.Folder), Err: err}
	}
	defer c.close()
	if c.tree != locked.Digest {
		err := &TreeError{From: src.URL, Want: locked.Digest, Got: c.tree}
		return digest.Digest{}, fmt.Errorf("source %s: %w", name, err)
	}
	return PackTree(r.Store, c.files, c.tree)
}

// kept finds the blob of a source tree, and reads it once more: what was damaged
// meanwhile is fetched again.
func (r *Realizer) kept(id digest.Digest) (digest.Digest, error) {
	blob, err := r.Store.Source(id)
	if err == nil {
		err = r.Store.CheckBlob(blob)
	}
	return blob, err
}
