package realize

import (
	"context"
	"errors"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Plan is what a run is about to do.
type Plan struct {
	Nodes  []*Node
	Cached int // of Nodes, in the store already

	// What builder images that are not in the store will cost, in bytes, from
	// their locks; zero when all are there.
	FirstFetch, FirstDisk int64

	builders *recipe.Builders
	images   []Need // of those that are not in the store, bases first
}

// Plan closes the targets and looks which of them the store has. Its error names
// every target that can't be closed, so that people repair them in one go.
func (r *Realizer) Plan(ctx context.Context, targets []Target) (*Plan, error) {
	p := &Plan{builders: r.Recipes.Builders()}
	var open []error
	p.Nodes, open = r.nodes(ctx, targets, p.builders)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i, err := range open {
		if i > 0 && err != nil && open[i-1] != nil && err.Error() == open[i-1].Error() {
			open[i-1] = nil // both formats of a recipe lack the same
		}
	}
	if err := errors.Join(open...); err != nil {
		return nil, err
	}
	if err := r.look(p); err != nil {
		return nil, err
	}
	return p, r.countImages(p)
}

// nodes closes targets; each has a node or an error. Where ctx ends it is not
// complete.
func (r *Realizer) nodes(ctx context.Context, targets []Target, builders *recipe.Builders) ([]*Node, []error) {
	nodes, errs := make([]*Node, len(targets)), make([]error, len(targets))
	parallel.Each(len(targets), func(i int) {
		if ctx.Err() == nil {
			nodes[i], errs[i] = r.node(targets[i], builders)
		}
	})
	return nodes, errs
}

// look finds what the store has of the nodes.
func (r *Realizer) look(p *Plan) error {
	keys := make([]digest.Key, len(p.Nodes))
	for i, n := range p.Nodes {
		keys[i] = n.Key
	}
	found, err := r.Store.LookupAll(keys)
	if err != nil {
		return err
	}
	for _, n := range p.Nodes {
		if n.found = found[n.Key]; n.found != nil {
			p.Cached++
		}
	}
	return nil
}

// countImages finds which builder images the store lacks, and what they cost.
func (r *Realizer) countImages(p *Plan) error {
	looked := map[string]bool{}
	for _, n := range p.Nodes {
		if n.found != nil || looked[n.build().Builder] {
			continue
		}
		chain, err := p.builders.ChainOf(n.Recipe, n.Format)
		if err != nil {
			return err
		}
		for _, b := range chain {
			if looked[b.Name] {
				continue
			}
			looked[b.Name] = true
			fetch, disk, err := r.Images.Cost(b)
			if err != nil {
				return err
			}
			p.FirstFetch += fetch
			p.FirstDisk += disk
			if fetch > 0 || disk > 0 {
				p.images = append(p.images, Need{Kind: NeedImage, Name: b.Name, Fetch: fetch, Disk: disk})
			}
		}
	}
	return nil
}
