package realize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/tree"
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

	found  *store.Realization // by Plan, not yet held against the recipe's requirements; nil: none
	main   fs.FS              // the main source where it is a folder, else nil
	debian fs.FS              // debian/ where it is not in the source, else nil
}

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
		name, err := r.recipeFor(name)
		if err != nil {
			return nil, err
		}
		t := Target{Name: name, Format: recipe.FormatDeb}
		if format != "" && format != t.Format {
			if all {
				continue
			}
			return nil, fmt.Errorf("%s: has no %s section", name, format)
		}
		if !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	return targets, nil
}

// recipeFor returns the recipe of a name that may be a package's. Only then are
// other recipes read; one that can't be read may be its maker, which counts
// where no other is.
func (r *Realizer) recipeFor(name string) (string, error) {
	if slices.Contains(r.Recipes.Names(), name) || slices.Contains(r.Recipes.Bad(), name) {
		return name, nil
	}
	var makers []string
	var unread []error
	for _, candidate := range r.Recipes.Names() {
		rec, err := r.Recipes.Recipe(candidate)
		if err != nil {
			unread = append(unread, err)
			continue
		}
		if slices.Contains(rec.Deb.Outputs, name) {
			makers = append(makers, candidate)
		}
	}
	switch len(makers) {
	case 0:
		_, err := r.Recipes.Recipe(name) // says what was probably meant
		return "", errors.Join(append([]error{err}, unread...)...)
	case 1:
		return makers[0], nil
	}
	return "", &AmbiguousError{Name: name, Recipes: makers}
}

// Node closes a target. It reads the recipe's folder and asks nobody.
func (r *Realizer) Node(_ context.Context, t Target) (*Node, error) {
	rec, err := r.Recipes.Recipe(t.Name)
	if err != nil {
		return nil, err
	}
	n := &Node{Format: t.Format, Recipe: rec}
	in := recipe.Inputs{Trees: map[string]digest.Digest{}, Sandbox: sandbox.ABI}
	chain, err := r.Recipes.ChainOf(rec)
	if err != nil {
		return nil, err
	}
	lock := chain[len(chain)-1].Lock
	if lock == nil || lock.Builder.IsZero() {
		return nil, fmt.Errorf("%s: builder %s: not locked", rec.Name, rec.Deb.Builder)
	}
	in.Builder = lock.Builder
	if src, ok := rec.Sources[recipe.Main].(recipe.Path); ok {
		if err := r.closePath(n, src, &in); err != nil {
			return nil, err
		}
	}
	if n.Derivation, err = recipe.Close(rec, t.Format, r.Arch, in); err != nil {
		return nil, err
	}
	n.Text = n.Derivation.Text()
	n.Key = digest.KeyOf(n.Text)
	return n, nil
}

// closePath digests a source that lies in the recipe's folder, and its debian/.
func (r *Realizer) closePath(n *Node, src recipe.Path, in *recipe.Inputs) (err error) {
	if n.main, err = r.Recipes.Folder(n.Recipe, src.Path); err != nil {
		return err
	}
	if in.Trees[recipe.Main], err = tree.Digest(n.main); err != nil {
		return fmt.Errorf("%s: source %s: %w", n.Recipe.Name, recipe.Main, err)
	}
	folder, err := r.Recipes.FindDebian(n.Recipe, n.main)
	if err != nil {
		return err
	}
	if !folder.InSource {
		n.debian = folder.FS
		if in.Debian, err = tree.Digest(folder.FS); err != nil {
			return fmt.Errorf("%s: debian: %w", n.Recipe.Name, err)
		}
	}
	in.Changelog, err = stamp(folder.FS)
	if err != nil {
		return fmt.Errorf("%s: debian/changelog: %w", n.Recipe.Name, err)
	}
	return nil
}

// stamp reads version and date of the newest entry of debian/changelog.
func stamp(debian fs.FS) (recipe.Stamp, error) {
	f, err := debian.Open("changelog")
	if err != nil {
		return recipe.Stamp{}, err
	}
	defer f.Close()
	top, err := deb.ParseChangelogTop(f)
	if err != nil {
		return recipe.Stamp{}, err
	}
	return recipe.Stamp{Version: top.Version, Epoch: top.Date.Unix()}, nil
}
