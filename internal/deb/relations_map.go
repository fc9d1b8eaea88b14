package deb

import (
	"fmt"
	"maps"
	"slices"
)

// Map replaces names by packages that stand for them: "python-all" by python3,
// or by nothing, which says that nothing is needed for it. It returns the new
// relations, and the names that were replaced, sorted.
//
// What replaces a name is of any version: it was chosen for a suite. It keeps
// restrictions to architectures and profiles, and must all be there; so of
// a | b with a standing for x and y comes x | b, y | b. A relation of which an
// alternative stands for nothing holds, and is left out; where that alternative
// is restricted, the others are kept, which asks for more and not for less.
//
// Names are replaced once: what replaces them is not looked up again. A mapping
// to what is no package name is an error.
func (r Relations) Map(mapping map[string][]string) (Relations, []string, error) {
	used := map[string]bool{}
	var out Relations
	for _, one := range r {
		mapped, err := one.replace(mapping, used)
		if err != nil {
			return nil, nil, fmt.Errorf("relation %q: %w", short(one.String()), err)
		}
		for _, m := range mapped {
			if !slices.ContainsFunc(out, func(o Relation) bool { return o.String() == m.String() }) {
				out = append(out, m)
			}
		}
	}
	return out, slices.Sorted(maps.Keys(used)), nil
}

// replace returns the relations that stand for r.
func (r Relation) replace(mapping map[string][]string, used map[string]bool) (Relations, error) {
	all := Relations{nil} // each grows by each alternative, in as many ways as it has replacements
	var dropped bool
	for _, d := range r {
		names, ok := mapping[d.Name]
		if !ok {
			for i := range all {
				all[i] = append(all[i], d)
			}
			continue
		}
		used[d.Name] = true
		if len(names) == 0 {
			if len(d.Arches) == 0 && len(d.Profiles) == 0 {
				dropped = true
			}
			continue
		}
		if len(all)*len(names) > maxRelations {
			return nil, fmt.Errorf("%w: more than %d relations stand for it", ErrLimit, maxRelations)
		}
		var grown Relations
		for _, a := range all {
			for _, name := range names {
				if err := CheckPackage(name); err != nil {
					return nil, fmt.Errorf("%s: %w", d.Name, err)
				}
				grown = append(grown, append(slices.Clone(a), Dependency{Name: name, Arches: d.Arches, Profiles: d.Profiles}))
			}
		}
		all = grown
	}
	if dropped || len(all[0]) == 0 {
		return nil, nil
	}
	return all, nil
}
