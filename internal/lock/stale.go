package lock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
)

// Stale says what of a recipe's lock does not fit, as far as can be told without
// fetching: nil where all fits. It asks nobody.
func (l *Locker) Stale(ctx context.Context, name string) error {
	rec, err := l.Recipes.Recipe(name)
	if err != nil {
		return err
	}
	var all []error
	for _, f := range rec.Formats() {
		if _, err := l.Node(ctx, realize.Target{Name: name, Format: f}); err != nil {
			all = append(all, err)
			continue
		}
		if _, err := l.Recipes.ExtraPackages(rec, f); err != nil {
			all = append(all, &recipe.CloseError{Recipe: name, Err: fmt.Errorf("%s: %w", f, err)})
			continue
		}
		b := rec.Lock.Build(f)
		if b == nil {
			continue // Node has seen that nothing is asked for
		}
		asked, err := l.AskedAgain(rec, f, b.Depends)
		if err != nil {
			return err
		}
		if err := rec.CheckAsked(f, *asked); err != nil {
			all = append(all, &recipe.CloseError{Recipe: name, Err: fmt.Errorf("%s: %w", f, err)})
		}
	}
	if rec.Lock != nil {
		for _, source := range slices.Sorted(maps.Keys(rec.Lock.Sources)) {
			if _, err := rec.LockedSource(source); err != nil {
				all = append(all, err)
			}
		}
	}
	return errors.Join(dedupe(all)...)
}

// dedupe drops errors that say the same: both formats see the same source.
func dedupe(all []error) (out []error) {
	seen := map[string]bool{}
	for _, err := range all {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
