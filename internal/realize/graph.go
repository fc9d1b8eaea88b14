package realize

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// graph is targets and all that they need, closed for their plan keys.
type graph struct {
	nodes []*Node // each behind those that it needs, else in the order of targets
	asked []*Node // of each target; nil: it has an error
	errs  []error // of each target

	read  map[Target]*Node
	wrong map[Target]error
	state map[Target]int // 0: not visited, 1: on the way, 2: done
}

// graph closes targets and what they need. Where ctx ends it is not complete.
func (r *Realizer) graph(ctx context.Context, targets []Target, builders *recipe.Builders) *graph {
	g := &graph{
		asked: make([]*Node, len(targets)), errs: make([]error, len(targets)),
		read: map[Target]*Node{}, wrong: map[Target]error{}, state: map[Target]int{},
	}
	// Those that nodes of one round need are read in the next.
	for round := targets; len(round) > 0 && ctx.Err() == nil; {
		nodes, errs := make([]*Node, len(round)), make([]error, len(round))
		parallel.Each(len(round), func(i int) {
			if ctx.Err() == nil {
				nodes[i], errs[i] = r.read(round[i], builders)
				if errs[i] == nil && len(nodes[i].needNames()) == 0 {
					errs[i] = nodes[i].closePlan(r.Arch) // nothing to wait for
				}
			}
		})
		for i, t := range round {
			t.rec = nil
			g.read[t], g.wrong[t] = nodes[i], errs[i]
		}
		var next []Target
		asked := map[Target]bool{}
		for i, n := range nodes {
			if errs[i] != nil || n == nil {
				continue
			}
			for _, name := range n.needNames() {
				need := Target{Name: name, Format: n.Format.Section()}
				if _, known := g.wrong[need]; !known && !asked[need] {
					asked[need] = true
					next = append(next, need)
				}
			}
		}
		round = next
	}
	for i, t := range targets {
		t.rec = nil
		g.asked[i], g.errs[i] = g.visit(r.Arch, t, nil)
	}
	asked := make(map[*Node]bool, len(g.asked))
	for _, n := range g.asked {
		asked[n] = true
	}
	for _, n := range g.nodes {
		n.Needed = !asked[n]
	}
	return g
}

// visit closes a node behind those that it needs. way is what led to it.
func (g *graph) visit(arch recipe.Arch, t Target, way []string) (*Node, error) {
	n, err := g.read[t], g.wrong[t]
	switch {
	case err != nil:
		return nil, err
	case n == nil || g.state[t] == 2:
		return n, nil
	case g.state[t] == 1:
		last := g.read[Target{Name: way[len(way)-1], Format: t.Format}]
		return nil, last.Recipe.NeedError(t.Format, t.Name, &CycleError{append(way[slices.Index(way, t.Name):], t.Name)})
	}
	g.state[t] = 1
	for _, name := range n.needNames() {
		other, err := g.visit(arch, Target{Name: name, Format: t.Format.Section()}, append(slices.Clip(way), t.Name))
		if err != nil {
			g.wrong[t] = &NeedError{t.Name, t.Format, name, err}
			break
		}
		n.needs = append(n.needs, other)
	}
	if g.wrong[t] == nil && n.PlanKey.IsZero() {
		g.wrong[t] = n.closePlan(arch)
	}
	g.state[t] = 2
	if err := g.wrong[t]; err != nil {
		return nil, err
	}
	g.nodes = append(g.nodes, n)
	return n, nil
}

// err joins what is wrong with the targets, each once: people repair it in one go.
func (g *graph) err() error {
	said := map[string]bool{}
	var all []error
	for _, err := range g.errs {
		for need := (*NeedError)(nil); errors.As(err, &need); {
			err = need.Err // what is wrong is wrong there
		}
		if err != nil && !said[err.Error()] {
			said[err.Error()] = true
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// settle finds out the keys of nodes, as far as the store has what they need, and
// what the store has of them. Each node comes behind those that it needs.
func (r *Realizer) settle(nodes []*Node) error {
	looked := make(map[*Node]bool, len(nodes))
	for left := nodes; len(left) > 0; {
		var round, later []*Node
		var keys []digest.Key
		for _, n := range left {
			made, all := make([]*store.Realization, len(n.needs)), true
			for i, other := range n.needs {
				made[i] = other.found
				all = all && looked[other]
			}
			switch {
			case !all:
				later = append(later, n)
				continue
			case slices.Contains(made, nil):
				looked[n] = true // what it needs is to be built first
				continue
			case len(made) > 0:
				if err := n.closeOver(r.Arch, made); err != nil {
					return err
				}
			}
			round, keys = append(round, n), append(keys, n.Key)
		}
		found, err := r.Store.LookupAll(keys)
		if err != nil {
			return err
		}
		for _, n := range round {
			n.found, looked[n] = found[n.Key], true
		}
		left = later
	}
	return nil
}

// over closes a node over what became of those that it needs, and looks for it again
// where they came to something else than Plan found.
func (r *Realizer) over(n *Node, needs []*Result) error {
	made := make([]*store.Realization, len(needs))
	for i, res := range needs {
		switch {
		case errors.Is(res.Err, context.Canceled):
			return context.Canceled // nobody tried
		case res.Realization == nil:
			return &NeedError{n.Recipe.Name, n.Format, res.Recipe.Name, ErrNeedFailed}
		}
		made[i] = res.Realization
	}
	before := n.Key
	if err := n.closeOver(r.Arch, made); err != nil || n.Key == before {
		return err
	}
	var err error
	if n.found, err = r.Store.Lookup(n.Key); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// ErrNeedFailed says that a needed recipe was not realized.
var ErrNeedFailed = errors.New("it was not realized")

// NeedError says that a recipe can't be closed or built for one that it needs.
type NeedError struct {
	Recipe string
	Format recipe.Format
	Need   string // the other recipe
	Err    error
}

func (e *NeedError) Error() string {
	if e.Err == ErrNeedFailed {
		return fmt.Sprintf("needs %s: %v", e.Need, e.Err)
	}
	return fmt.Sprintf("%s: %s: needs %s: %v", e.Recipe, e.Format, e.Need, e.Err)
}

// Unwrap returns what is wrong with the other one.
func (e *NeedError) Unwrap() error { return e.Err }

// CycleError says that recipes need each other.
type CycleError struct {
	Recipes []string // each needs the next one; the last is the first
}

func (e *CycleError) Error() string { return "a cycle: " + strings.Join(e.Recipes, " → ") }
