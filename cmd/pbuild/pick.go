package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store"
)

// notBuiltError says that the store holds nothing of a name.
type notBuiltError struct {
	Name, Format string // Format is empty when any was asked for
	Near         []string
}

func (e *notBuiltError) Error() string {
	s := e.Name
	if e.Format != "" {
		s += " " + e.Format
	}
	if s += ": not in the store"; len(e.Near) > 0 {
		s += ": did you mean " + strings.Join(e.Near, " or ") + "?"
	}
	return s
}

// pick returns of all realizations the newest of name in each format, or in the
// one that format says. A name is a recipe's, else that of a package which
// exactly one recipe makes. Errors: *notBuiltError, *realize.AmbiguousError.
func pick(all []store.Realization, name, format string) ([]store.Realization, error) {
	match := func(r store.Realization) bool { return r.Recipe == name }
	if !slices.ContainsFunc(all, match) {
		match = func(r store.Realization) bool {
			return slices.ContainsFunc(r.Files, func(f store.File) bool { return f.Package == name })
		}
		if makers := recipes(all, match); len(makers) > 1 {
			return nil, &realize.AmbiguousError{Name: name, Recipes: makers}
		}
	}
	newest := map[string]store.Realization{}
	for _, r := range all {
		if !match(r) || format != "" && r.Format != format {
			continue
		}
		if had, ok := newest[r.Format]; !ok || r.Finished.After(had.Finished) {
			newest[r.Format] = r
		}
	}
	if len(newest) == 0 {
		any := func(store.Realization) bool { return true }
		return nil, &notBuiltError{name, format, yamldoc.Near(name, recipes(all, any))}
	}
	var out []store.Realization
	for _, format := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, newest[format])
	}
	return out, nil
}

// recipes returns the names of the recipes whose realizations match, sorted.
func recipes(all []store.Realization, match func(store.Realization) bool) (names []string) {
	for _, r := range all {
		if match(r) {
			names = append(names, r.Recipe)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
