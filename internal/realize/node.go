package realize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

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
}

// Node is a target closed into its derivation.
type Node struct {
	Format     recipe.Format
	Recipe     *recipe.Recipe
	Derivation *recipe.Derivation
	Text       []byte // of the derivation
	Key        digest.Key

	found *store.Realization // by Plan, not yet held against the recipe's requirements; nil: none

	// What of the main source is at hand without fetching it.
	main   fs.FS  // where it is a folder, of the recipe or given for this run; else nil
	debian fs.FS  // debian/ where it lies in the recipe's folder; nil: in the source
	spec   []byte // the spec likewise
}

// build is what the recipe says of the node's format.
func (n *Node) build() *recipe.Build { return n.Recipe.Build(n.Format) }

// root is the name in the store that stands for the newest result.
func (n *Node) root() string { return n.Recipe.Name + "-" + string(n.Format) }

func (n *Node) event() event.Node {
	return event.Node{Name: n.Recipe.Name, Format: string(n.Format)}
}

// Targets returns what names mean: recipes, or packages that exactly one
// recipe makes; with all, every recipe, also one that can't be read, so that
// Plan says so. A format that is not empty narrows. Errors:
// *recipe.UnknownError, *AmbiguousError, ErrNoRecipes, and those of reading
// recipes.
func (r *Realizer) Targets(names []string, all bool, format recipe.Format) ([]Target, error) {
	if all {
		names = append(r.Recipes.Names(), r.Recipes.Bad()...)
		if len(names) == 0 {
			return nil, fmt.Errorf("%w in %s", ErrNoRecipes, r.Recipes.Dir)
		}
	}
	var targets []Target
	for _, name := range names {
		name, rec, err := r.recipeFor(name)
		if err != nil {
			return nil, err
		}
		formats := []recipe.Format{cmp.Or(format, recipe.FormatDeb)} // of one that can't be read
		if rec != nil {
			formats = slices.DeleteFunc(rec.Formats(), func(f recipe.Format) bool { return format != "" && f != format })
		}
		if len(formats) == 0 && !all {
			return nil, fmt.Errorf("%s: has no %s section", name, format)
		}
		for _, f := range formats {
			if t := (Target{name, f}); !slices.Contains(targets, t) {
				targets = append(targets, t)
			}
		}
	}
	return targets, nil
}

// recipeFor returns the recipe of a name that may be a package's, nil for one
// that can't be read: Node says why. Only for a package's name are other recipes
// read; one that can't be read may be its maker, which counts where no other is.
func (r *Realizer) recipeFor(name string) (string, *recipe.Recipe, error) {
	if slices.Contains(r.Recipes.Names(), name) || slices.Contains(r.Recipes.Bad(), name) {
		rec, err := r.Recipes.Recipe(name)
		if err != nil {
			rec = nil
		}
		return name, rec, nil
	}
	var makers []*recipe.Recipe
	var unread []error
	for _, candidate := range r.Recipes.Names() {
		rec, err := r.Recipes.Recipe(candidate)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		if slices.ContainsFunc(rec.Formats(), func(f recipe.Format) bool { return slices.Contains(rec.Build(f).Outputs, name) }) {
			makers = append(makers, rec)
		}
	}
	switch len(makers) {
	case 0:
		_, err := r.Recipes.Recipe(name) // says what was probably meant
		return "", nil, errors.Join(append([]error{err}, unread...)...)
	case 1:
		return makers[0].Name, makers[0], nil
	}
	e := &AmbiguousError{Name: name}
	for _, m := range makers {
		e.Recipes = append(e.Recipes, m.Name)
	}
	return "", nil, e
}

// Node closes a target. It reads the recipe's folder, and what was given in its
// source's place, and asks nobody.
func (r *Realizer) Node(_ context.Context, t Target) (*Node, error) {
	rec, err := r.Recipes.Recipe(t.Name)
	if err != nil {
		return nil, err
	}
	given := r.Given[t.Name]
	if given.Source != nil {
		if err := rec.Replace(given.Source, given.Locked); err != nil {
			return nil, err
		}
	}
	n := &Node{Format: t.Format, Recipe: rec}
	in := recipe.Inputs{Trees: map[string]digest.Digest{}, Sandbox: sandbox.ABI}
	chain, err := r.Recipes.ChainOf(rec, t.Format)
	if err != nil {
		return nil, err
	}
	lock := chain[len(chain)-1].Lock
	if lock == nil || lock.Builder.IsZero() {
		return nil, fmt.Errorf("%s: builder %s: not locked", rec.Name, chain[len(chain)-1].Name)
	}
	in.Builder = lock.Builder
	if err := r.closeSource(n, given.Files, &in); err != nil {
		return nil, err
	}
	if n.Derivation, err = recipe.Close(rec, t.Format, r.Arch, in); err != nil {
		return nil, err
	}
	n.Text = n.Derivation.Text()
	n.Key = digest.KeyOf(n.Text)
	return n, nil
}
