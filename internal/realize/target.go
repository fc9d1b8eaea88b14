package realize

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/recipe"
)

// Targets returns what names mean: recipes, or packages that exactly one
// recipe makes; with all, every recipe, also one that can't be read, so that
// Plan says so. A format that is not empty narrows. Errors:
// *recipe.UnknownError, *AmbiguousError, ErrNoRecipes, and those of reading
// recipes.
func (r *Realizer) Targets(names []string, all bool, format recipe.Format) ([]Target, error) {
	known := append(r.Recipes.Names(), r.Recipes.Bad()...)
	if all {
		if names = known; len(names) == 0 {
			return nil, fmt.Errorf("%w in %s", ErrNoRecipes, r.Recipes.Dir)
		}
	}
	isRecipe := make(map[string]bool, len(known))
	for _, name := range known {
		isRecipe[name] = true
	}
	type found struct {
		name string
		rec  *recipe.Recipe // nil: it can't be read
		err  error
	}
	meant := make([]found, len(names))
	parallel.Each(len(names), func(i int) {
		f := &meant[i]
		f.name = names[i]
		folder, _, varied := strings.Cut(f.name, "+")
		if varied && isRecipe[folder] {
			f.rec, f.err = r.Recipes.Recipe(f.name)
		} else if !isRecipe[f.name] {
			f.rec, f.err = r.maker(f.name)
		} else if rec, err := r.Recipes.Recipe(f.name); err == nil {
			f.rec = rec
		}
		if f.rec != nil {
			f.name = f.rec.Name
		}
	})
	var targets []Target
	seen := map[Target]bool{}
	for _, m := range meant {
		if m.err != nil {
			return nil, m.err
		}
		formats := []recipe.Format{cmp.Or(format, recipe.FormatDeb)} // of one that can't be read
		if m.rec != nil {
			formats = slices.DeleteFunc(m.rec.Formats(), func(f recipe.Format) bool { return format != "" && f != format.Section() })
		}
		if len(formats) == 0 && !all {
			return nil, fmt.Errorf("%s: has no %s section", m.name, format.Section())
		}
		for _, f := range formats {
			if format.IsSource() {
				f = format
			}
			t := Target{Name: m.name, Format: f}
			if !seen[t] {
				seen[t] = true
				t.rec = m.rec
				targets = append(targets, t)
			}
		}
	}
	if len(targets) == 0 && len(names) > 0 {
		return nil, fmt.Errorf("%w with %s packages in %s", ErrNoRecipes, format, r.Recipes.Dir)
	}
	return targets, nil
}

// maker returns the recipe that makes a package. One that can't be read may be it,
// which counts where no other is.
func (r *Realizer) maker(name string) (*recipe.Recipe, error) {
	_, none := r.Recipes.Recipe(name) // it says what was probably meant
	var unknown *recipe.UnknownError
	if none != nil && !errors.As(none, &unknown) {
		return nil, none
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
		return nil, errors.Join(append([]error{none}, unread...)...)
	case 1:
		return makers[0], nil
	}
	e := &AmbiguousError{Name: name}
	for _, m := range makers {
		e.Recipes = append(e.Recipes, m.Name)
	}
	return nil, e
}

// WithSources returns targets, each with the target of its source package behind it.
func WithSources(targets []Target) (all []Target) {
	for _, t := range targets {
		all = append(all, t)
		if source := t; !t.Format.IsSource() {
			source.Format = t.Format.Source()
			all = append(all, source)
		}
	}
	return all
}
