package recipe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Needed is what a build gets of a recipe that it needs, as the key sees it: the
// output digest of its packages, or, for a plan key, its plan key. One of them is set.
type Needed struct {
	Output digest.Digest
	Plan   digest.Key
}

// needsItself says where a recipe names itself among those that it needs.
func (r *Recipe) needsItself() error {
	for _, f := range r.Formats() {
		b := r.Build(f)
		if i := slices.Index(b.Needs, r.Name); i >= 0 {
			return b.at.needs[i].Errorf("%s.needs: %s: is this recipe itself", f, r.Name)
		}
	}
	return nil
}

// Needed reads the recipes that a format of r needs, in the order written. The error
// says where the recipe names one that is unknown, that makes nothing in the format, or
// that makes a package of another one.
func (c *Collection) Needed(r *Recipe, f Format) ([]*Recipe, error) {
	b := r.Build(f)
	needs := r.NeedsOf(f)
	all := make([]*Recipe, len(needs))
	makers := map[string]string{}
	for i, name := range needs {
		at := b.at.needs[i]
		other, err := c.Recipe(name)
		if unknown, ok := err.(*UnknownError); ok {
			return nil, at.Errorf("%s.needs: %w", f.Section(), unknown)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: needs %s: %w", r.Name, f, name, err)
		}
		if other.Build(f) == nil {
			return nil, at.Errorf("%s.needs: %s: makes no %s packages", f.Section(), name, f.Section())
		}
		for _, output := range other.Build(f).Outputs {
			if first, ok := makers[output]; ok {
				return nil, at.Errorf("%s.needs: %s and %s both make package %s", f.Section(), first, name, output)
			}
			makers[output] = name
		}
		all[i] = other
	}
	return all, nil
}

// NeedError says at the place where a format of r names a recipe that it needs what is
// wrong with that.
func (r *Recipe) NeedError(f Format, name string, err error) error {
	b := r.Build(f)
	return b.at.needs[slices.Index(b.Needs, name)].Errorf("%s.needs: %w", f.Section(), err)
}

// NeedsOf returns the names of the recipes that a format needs, in the order written. A
// source package needs none: it is packed and not built.
func (r *Recipe) NeedsOf(f Format) []string {
	if f.IsSource() {
		return nil
	}
	return r.Build(f).Needs
}

// Provided returns the packages that the needed recipes bring: what asks for them is
// not looked for in the archive.
func Provided(needed []*Recipe, f Format) (names []string) {
	for _, r := range needed {
		names = append(names, r.Build(f).Outputs...)
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// neededFields returns a field for each needed recipe, sorted by name.
func neededFields(m map[string]Needed) (f []Field) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		n := m[name]
		if n.Output.IsZero() {
			f = append(f, Field{"need", []string{name, "plan", n.Plan.String()}})
			continue
		}
		f = append(f, Field{"need", []string{name, "output", n.Output.String()}})
	}
	return f
}
