package realize

import (
	"context"
	"errors"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Plan is what a run is about to do.
type Plan struct {
	Nodes  []*Node
	Cached int // of Nodes, in the store already

	// What builder images that are not in the store will cost, in bytes, from
	// their locks; zero when all are there.
	FirstFetch, FirstDisk int64
}

// Plan closes the targets and looks which of them the store has. Its error names
// every target that can't be closed, so that people repair them in one go.
func (r *Realizer) Plan(ctx context.Context, targets []Target) (*Plan, error) {
	p := &Plan{}
	var keys []digest.Key
	var open []error
	for _, t := range targets {
		n, err := r.Node(ctx, t)
		if err != nil {
			open = append(open, err)
			continue
		}
		p.Nodes = append(p.Nodes, n)
		keys = append(keys, n.Key)
	}
	if len(open) > 0 {
		return nil, errors.Join(open...)
	}
	found, err := r.Store.LookupAll(keys)
	if err != nil {
		return nil, err
	}
	builders := map[string]bool{}
	for _, n := range p.Nodes {
		if n.found = found[n.Key]; n.found != nil {
			p.Cached++
		} else {
			builders[n.build().Builder] = true
		}
	}
	counted := map[string]bool{}
	for name := range builders {
		chain, err := r.Recipes.Chain(name)
		if err != nil {
			return nil, err
		}
		for _, b := range chain {
			if counted[b.Name] {
				continue
			}
			counted[b.Name] = true
			fetch, disk, err := r.Images.Cost(b)
			if err != nil {
				return nil, err
			}
			p.FirstFetch += fetch
			p.FirstDisk += disk
		}
	}
	return p, nil
}
