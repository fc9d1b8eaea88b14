package realize

import (
	"context"
	"errors"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// State is how a recipe stands for one format.
type State string

// The states.
const (
	StateBuilt     State = "built"      // the store has it, as the recipe is now
	StateToBuild   State = "to build"   // it can be built
	StateFailed    State = "failed"     // likewise, and its last build, of the recipe as it is now, failed
	StateStaleLock State = "stale lock" // recipe.lock is missing, or was made for another state of the recipe
	StateBadRecipe State = "bad recipe" // it can't be read or closed
)

// Status is how a recipe stands.
type Status struct {
	Name    string         // of the recipe
	Formats []FormatStatus // those that were asked for, rpm first; none where Err is not nil
	Err     error          // why the recipe can't be read
}

// FormatStatus is how a recipe stands for one format.
type FormatStatus struct {
	Format  recipe.Format
	State   State
	Err     error              // why it has no key: StateStaleLock and StateBadRecipe
	Outputs []string           // packages, as the recipe declares them
	Version string             // of what was built, else of the lock or debian/changelog; empty: only a build tells
	Key     digest.Key         // zero where Err is not nil, and where what it needs is to be built first
	Built   *store.Realization // StateBuilt only
}

// Status tells how the recipes of targets stand, in their order. A recipe that can't
// be read or closed is an answer and no error.
func (r *Realizer) Status(ctx context.Context, targets []Target) ([]Status, error) {
	g := r.graph(ctx, targets, r.Recipes.Builders())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.settle(g.nodes); err != nil {
		return nil, err
	}
	nodes, errs := g.asked, g.errs
	var all []Status
	at := map[string]int{}
	for i, t := range targets {
		if _, ok := at[t.Name]; !ok {
			at[t.Name] = len(all)
			all = append(all, Status{Name: t.Name})
		}
		s := &all[at[t.Name]]
		switch {
		case nodes[i] != nil:
			f := nodes[i].status()
			if f.State == StateToBuild && !f.Key.IsZero() && r.Store.HasFailed(f.Key) {
				f.State = StateFailed
			}
			s.Formats = append(s.Formats, f)
		case t.rec == nil:
			s.Err = errs[i]
		default:
			f := FormatStatus{Format: t.Format, State: StateBadRecipe, Err: errs[i], Outputs: t.rec.Build(t.Format).Outputs}
			if errors.Is(errs[i], recipe.ErrLock) {
				f.State = StateStaleLock
			}
			s.Formats = append(s.Formats, f)
		}
	}
	return all, nil
}

// status tells how a node stands that was settled.
func (n *Node) status() FormatStatus {
	f := FormatStatus{Format: n.Format, State: StateToBuild, Outputs: n.build().Outputs, Version: n.Derivation.Stamp.Version, Key: n.Key}
	if n.found != nil {
		f.State, f.Version, f.Built = StateBuilt, n.found.Version, n.found
	}
	return f
}
