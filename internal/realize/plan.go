package realize

import (
	"context"

	"github.com/fuel-infra/pbuild/recipe"
)

// Plan is what a run is about to do.
type Plan struct {
	Nodes   []*Node // each behind those that it needs
	Cached  int     // of Nodes, in the store already
	Waiting int     // of Nodes, whose keys are known when what they need is built

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
	g := r.graph(ctx, targets, p.builders)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := g.err(); err != nil {
		return nil, err
	}
	p.Nodes = g.nodes
	if err := r.untaken(p.Nodes); err != nil {
		return nil, err
	}
	if err := r.settle(p.Nodes); err != nil {
		return nil, err
	}
	for _, n := range p.Nodes {
		switch {
		case n.found != nil:
			p.Cached++
		case n.Key.IsZero():
			p.Waiting++
		}
	}
	return p, r.countImages(p)
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
