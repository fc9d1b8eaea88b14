package realize

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// NeedKind is what a Need is about.
type NeedKind string

// The kinds of needs.
const (
	NeedImage    NeedKind = "image"    // a builder's, to be made
	NeedPackages NeedKind = "packages" // of one format of a recipe, over its builder
	NeedSource   NeedKind = "source"   // a commit, or a file of a Debian source package; a .dsc stands for those that it names
)

// Need is something that the store lacks and a build wants.
type Need struct {
	Kind   NeedKind
	Name   string // of the builder; of the recipe, a blank and the format; the URL, or the path on a mirror
	Commit string // of a git source
	Fetch  int64  // bytes; -1: nobody knows before
	Disk   int64  // bytes, of an image and of packages: unpacked and as they were fetched
}

// Needs returns for each node of the plan what will be fetched and made for it
// before it is built; none for one that is cached. Nodes of a plan may want the
// same.
func (r *Realizer) Needs(p *Plan) ([][]Need, error) {
	all, errs := make([][]Need, len(p.Nodes)), make([]error, len(p.Nodes))
	parallel.Each(len(p.Nodes), func(i int) {
		if p.Nodes[i].found == nil {
			all[i], errs[i] = r.needs(p, p.Nodes[i])
		}
	})
	for i, n := range p.Nodes {
		if errs[i] != nil {
			return nil, fmt.Errorf("%s: %s: %w", n.Recipe.Name, n.Format, errs[i])
		}
	}
	return all, nil
}

func (r *Realizer) needs(p *Plan, n *Node) (all []Need, err error) {
	chain, err := p.builders.ChainOf(n.Recipe, n.Format)
	if err != nil {
		return nil, err
	}
	for _, image := range p.images {
		if slices.ContainsFunc(chain, func(b *recipe.Builder) bool { return b.Name == image.Name }) {
			all = append(all, image)
		}
	}
	packages, err := r.Recipes.ExtraPackages(n.Recipe, n.Format)
	if err != nil {
		return nil, err
	}
	under := chain[len(chain)-1].Lock.Builder
	if get, disk := r.Images.ExtendCost(under, packages, n.Derivation.Packages.Date); disk > 0 {
		all = append(all, Need{Kind: NeedPackages, Name: n.Recipe.Name + " " + string(n.Format), Fetch: get, Disk: disk})
	}
	for _, name := range n.Recipe.Takes(n.Format) {
		if n.folders[name] != nil {
			continue
		}
		switch src := n.Recipe.Sources[name].(type) {
		case recipe.Git:
			in := n.Derivation.Sources[name]
			if _, err := r.kept(in.Digest); errors.Is(err, store.ErrNotFound) {
				all = append(all, Need{Kind: NeedSource, Name: src.URL, Commit: in.Commit, Fetch: -1})
			} else if err != nil {
				return nil, err
			}
		case recipe.Dsc:
			if all, err = r.lackingFiles(all, src); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// lackingFiles appends the files of a Debian source package that the store lacks.
// Those that a .dsc names are known when it is there.
func (r *Realizer) lackingFiles(all []Need, src recipe.Dsc) ([]Need, error) {
	files, _, err := r.dscFiles(src)
	switch {
	case lost(err):
		return append(all, Need{Kind: NeedSource, Name: src.Path, Fetch: -1}), nil
	case err != nil:
		return nil, err
	}
	for _, f := range files {
		if _, ok := r.Store.HasBlob(f.Want); !ok {
			all = append(all, Need{Kind: NeedSource, Name: f.Path, Fetch: f.Size})
		}
	}
	return all, nil
}
