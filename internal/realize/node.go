package realize

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Target is a recipe and one of the formats it makes.
type Target struct {
	Name   string // of the recipe
	Format recipe.Format

	rec *recipe.Recipe // as Targets read it; nil: Node reads it
}

// Node is a target closed into its derivation.
type Node struct {
	Format     recipe.Format
	Recipe     *recipe.Recipe
	Derivation *recipe.Derivation
	Text       []byte     // of the derivation
	PlanKey    digest.Key // from recipe and lock alone: needed recipes stand in it by their plan keys
	Key        digest.Key // zero as long as a recipe that it needs is not realized; Text is the plan key's then
	Needed     bool       // nobody asked for it, but for what needs it
	SourceNote string     // what was given in the source's place, held against the lock, for people; empty: nothing

	needs []*Node       // what it needs, in the order written
	in    recipe.Inputs // but for Needs
	given givens
	own   *recipe.Recipe       // without what is given
	found *store.Realization   // by Plan, not yet held against the recipe's requirements; nil: none
	made  []*store.Realization // of needs, when Key is known
	feeds bool                 // something that Plan did not find needs it

	// What of the main source is at hand without fetching it.
	main    fs.FS  // where it is a folder, of the recipe or given for this run, with the recipe's edits; else nil
	debian  fs.FS  // debian/ where it lies in the recipe's folder; nil: in the source
	control []byte // debian/control of that as the derivation has it; nil: not read
	spec    []byte // the spec likewise

	folders map[string]fs.FS // likewise of the other sources that are folders
}

// build is what the recipe says of the node's format.
func (n *Node) build() *recipe.Build { return n.Recipe.Build(n.Format) }

// needNames are the names of the recipes that the node needs.
func (n *Node) needNames() []string { return n.Recipe.NeedsOf(n.Format) }

// root is the name in the store that stands for the newest result.
func (n *Node) root() string { return n.Recipe.Name + "-" + string(n.Format) }

func (n *Node) target() Target { return Target{Name: n.Recipe.Name, Format: n.Format} }

func (n *Node) event() event.Node {
	return event.Node{Name: n.Recipe.Name, Format: string(n.Format)}
}

// Node closes a target. It reads the recipe's folder, and what was given in its
// source's place, and asks nobody but the store, where there is one, for what it
// needs.
func (r *Realizer) Node(ctx context.Context, t Target) (*Node, error) {
	g := r.graph(ctx, []Target{t}, r.Recipes.Builders())
	if g.errs[0] != nil {
		return nil, g.errs[0]
	}
	if r.Store != nil {
		if err := r.settle(g.nodes); err != nil {
			return nil, err
		}
	}
	return g.asked[0], ctx.Err()
}

// read reads a target's recipe and what it is made of, and does not close it.
func (r *Realizer) read(t Target, builders *recipe.Builders) (*Node, error) {
	rec := t.rec
	if rec == nil {
		var err error
		if rec, err = r.Recipes.Recipe(t.Name); err != nil {
			return nil, err
		}
	}
	if _, err := r.Recipes.Needed(rec, t.Format); err != nil {
		return nil, err
	}
	own := rec
	given := r.given(rec, t.Format)
	rec, err := given.replace(rec)
	if err != nil {
		return nil, err
	}
	n := &Node{Format: t.Format, Recipe: rec, given: given, own: own, folders: map[string]fs.FS{}}
	n.in = recipe.Inputs{Trees: map[string]digest.Digest{}, Sandbox: sandbox.ABI}
	chain, err := builders.ChainOf(rec, t.Format)
	if err != nil {
		return nil, err
	}
	lock := chain[len(chain)-1].Lock
	if lock == nil || lock.Builder.IsZero() {
		return nil, fmt.Errorf("%s: builder %s: not locked", rec.Name, chain[len(chain)-1].Name)
	}
	n.in.Builder = lock.Builder
	n.in.Pinned = own.Pinned()
	for _, g := range given {
		n.in.Given = append(n.in.Given, g.name)
	}
	return n, r.closeSources(n, &n.in)
}

// close makes the node's derivation. needs says what of the recipes that it needs
// counts; nil where it needs none.
func (n *Node) close(arch recipe.Arch, needs map[string]recipe.Needed) error {
	in := n.in
	in.Needs = needs
	d, err := recipe.Close(n.Recipe, n.Format, arch, in)
	if err != nil {
		if len(n.given) > 0 {
			err = &GivenError{n.Recipe.Name, n.given.where(), err}
		}
		return err
	}
	n.Derivation, n.Text = d, d.Text()
	n.SourceNote = n.given.note(d.Sources, in.Pinned, n.own)
	return nil
}

// closePlan closes the node for its plan key, which is its key where it needs
// nothing. What it needs has a plan key.
func (n *Node) closePlan(arch recipe.Arch) error {
	var needs map[string]recipe.Needed
	for _, other := range n.needs {
		if needs == nil {
			needs = map[string]recipe.Needed{}
		}
		needs[other.Recipe.Name] = recipe.Needed{Plan: other.PlanKey}
	}
	if err := n.close(arch, needs); err != nil {
		return err
	}
	n.PlanKey = digest.KeyOf(n.Text)
	if len(n.needs) == 0 {
		n.Key = n.PlanKey
	}
	return nil
}

// closeOver closes the node for its key, over what became of the nodes that it needs,
// in their order.
func (n *Node) closeOver(arch recipe.Arch, made []*store.Realization) error {
	needs := map[string]recipe.Needed{}
	for i, other := range n.needs {
		needs[other.Recipe.Name] = recipe.Needed{Output: made[i].Output}
	}
	if err := n.close(arch, needs); err != nil {
		return err
	}
	n.Key, n.made = digest.KeyOf(n.Text), made
	return nil
}
