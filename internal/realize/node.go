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
	Text       []byte // of the derivation
	Key        digest.Key
	SourceNote string // what was given in the source's place, held against the lock, for people; empty: nothing

	found *store.Realization // by Plan, not yet held against the recipe's requirements; nil: none

	// What of the main source is at hand without fetching it.
	main    fs.FS  // where it is a folder, of the recipe or given for this run, with the recipe's edits; else nil
	debian  fs.FS  // debian/ where it lies in the recipe's folder; nil: in the source
	control []byte // debian/control of that as the derivation has it; nil: not read
	spec    []byte // the spec likewise

	folders map[string]fs.FS // likewise of the other sources that are folders
}

// build is what the recipe says of the node's format.
func (n *Node) build() *recipe.Build { return n.Recipe.Build(n.Format) }

// root is the name in the store that stands for the newest result.
func (n *Node) root() string { return n.Recipe.Name + "-" + string(n.Format) }

func (n *Node) event() event.Node {
	return event.Node{Name: n.Recipe.Name, Format: string(n.Format)}
}

// Node closes a target. It reads the recipe's folder, and what was given in its
// source's place, and asks nobody.
func (r *Realizer) Node(_ context.Context, t Target) (*Node, error) {
	return r.node(t, r.Recipes.Builders())
}

func (r *Realizer) node(t Target, builders *recipe.Builders) (*Node, error) {
	rec := t.rec
	if rec == nil {
		var err error
		if rec, err = r.Recipes.Recipe(t.Name); err != nil {
			return nil, err
		}
	}
	own := rec
	given := r.given(rec, t.Format)
	rec, err := given.replace(rec)
	if err != nil {
		return nil, err
	}
	n := &Node{Format: t.Format, Recipe: rec, folders: map[string]fs.FS{}}
	in := recipe.Inputs{Trees: map[string]digest.Digest{}, Sandbox: sandbox.ABI}
	chain, err := builders.ChainOf(rec, t.Format)
	if err != nil {
		return nil, err
	}
	lock := chain[len(chain)-1].Lock
	if lock == nil || lock.Builder.IsZero() {
		return nil, fmt.Errorf("%s: builder %s: not locked", rec.Name, chain[len(chain)-1].Name)
	}
	in.Builder = lock.Builder
	if in.Pinned, err = own.LockedSource(recipe.Main); err != nil {
		in.Pinned = recipe.Locked{} // Close says so where it matters
	}
	if err := r.closeSources(n, given, &in); err != nil {
		return nil, err
	}
	if n.Derivation, err = recipe.Close(rec, t.Format, r.Arch, in); err != nil {
		if len(given) > 0 {
			err = &GivenError{rec.Name, given.where(), err}
		}
		return nil, err
	}
	n.Text = n.Derivation.Text()
	n.Key = digest.KeyOf(n.Text)
	n.SourceNote = given.note(n.Derivation.Sources, own)
	return n, nil
}
