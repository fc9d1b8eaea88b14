package realize

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/recipe"
)

// Asked returns what the node's build asks for; nil where neither debian/ nor the
// spec is at hand. main is the unpacked source; nil: what the node has of it.
func (r *Realizer) Asked(n *Node, main fs.FS) (*recipe.Asked, error) {
	if main == nil {
		main = n.main
	}
	read := askedByControl
	if n.Format.Section() == recipe.FormatRPM {
		read = askedBySpec
	}
	depends, names, err := read(n, main)
	if err != nil || depends == nil {
		return nil, err
	}
	mapped, err := r.Mapped(n.Recipe, n.Format, names)
	if err != nil {
		return nil, err
	}
	slices.Sort(depends)
	return &recipe.Asked{Depends: slices.Compact(depends), Extra: n.build().Packages, Mapped: mapped}, nil
}

// AskedAgain returns what a format asks for when its source asks for what it did:
// depends, as a lock has it.
func (r *Realizer) AskedAgain(rec *recipe.Recipe, f recipe.Format, depends []string) (*recipe.Asked, error) {
	var names []string
	for _, d := range depends {
		if f == recipe.FormatRPM {
			name, _, _ := strings.Cut(d, " ")
			names = append(names, name)
			continue
		}
		relations, err := deb.ParseRelations(strings.TrimPrefix(d, conflicts))
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", rec.Name, recipe.LockName, err)
		}
		for _, one := range relations {
			for _, d := range one {
				names = append(names, d.Name)
			}
		}
	}
	mapped, err := r.Mapped(rec, f, names)
	if err != nil {
		return nil, err
	}
	return &recipe.Asked{Depends: depends, Extra: rec.Build(f).Packages, Mapped: mapped}, nil
}

// conflicts stands before what a build must not have.
const conflicts = "Build-Conflicts: "

// Mapped returns those of names that stand for others, or for none: what
// dependencies.yaml maps, and packages of the recipes that the format needs, which
// are not looked for in the archive.
func (r *Realizer) Mapped(rec *recipe.Recipe, f recipe.Format, names []string) (map[string][]string, error) {
	r.mapped.Do(func() { r.dependencies, r.mappedErr = r.Recipes.Dependencies() })
	if r.mappedErr != nil {
		return nil, r.mappedErr
	}
	mapped := r.dependencies.Map(names)
	f = f.Section() // a lock is that of the packages
	if len(rec.NeedsOf(f)) == 0 {
		return mapped, nil
	}
	needed, err := r.Recipes.Needed(rec, f)
	if err != nil {
		return nil, err
	}
	provided := recipe.Provided(needed, f)
	for _, name := range names {
		if slices.Contains(provided, name) {
			mapped[name] = []string{}
		}
	}
	return mapped, nil
}

// askedByControl returns the build dependencies of debian/control (Debian policy
// 7.7), and the names in them. Conflicts are told apart by their field's name.
func askedByControl(n *Node, main fs.FS) (depends, names []string, err error) {
	text := n.control
	if text == nil {
		folder := n.debian
		if folder == nil && main != nil {
			if folder, err = n.Recipe.DebianIn(main); err != nil {
				return nil, nil, err
			}
		}
		if folder == nil {
			return nil, nil, nil
		}
		if text, err = fs.ReadFile(folder, "control"); err != nil {
			return nil, nil, fmt.Errorf("%s: debian/control: %w", n.Recipe.Name, err)
		}
	}
	fields, err := BuildFields(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: debian/control: %w", n.Recipe.Name, err)
	}
	depends = []string{} // at hand, also where it asks for nothing
	for field, relations := range fields {
		for _, one := range relations {
			text := one.String()
			if strings.HasPrefix(field, "Build-Conflicts") {
				text = conflicts + text
			}
			depends = append(depends, text)
			for _, d := range one {
				names = append(names, d.Name)
			}
		}
	}
	return depends, names, nil
}

// buildFieldNames are the fields of the source paragraph that say what a build
// wants around it.
var buildFieldNames = []string{
	"Build-Depends", "Build-Depends-Arch", "Build-Depends-Indep",
	"Build-Conflicts", "Build-Conflicts-Arch", "Build-Conflicts-Indep",
}

// BuildFields reads the build dependencies of a debian/control, by field; fields
// that are not there are left out.
func BuildFields(control []byte) (map[string]deb.Relations, error) {
	paragraphs, err := deb.ParseControl(bytes.NewReader(control))
	if err != nil {
		return nil, err
	}
	if len(paragraphs) == 0 {
		return nil, errors.New("is empty")
	}
	out := map[string]deb.Relations{}
	for _, name := range buildFieldNames {
		f, ok := paragraphs[0].Lookup(name)
		if !ok {
			continue
		}
		if out[name], err = deb.ParseRelations(f.Value); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", f.Line, name, err)
		}
	}
	return out, nil
}

// askedBySpec is askedByControl for a spec, whose lines are taken as they stand:
// only rpmspec could expand them.
func askedBySpec(n *Node, main fs.FS) (depends, names []string, err error) {
	text := n.spec
	if text == nil && main != nil {
		if text, err = n.Recipe.SpecIn(main); err != nil {
			return nil, nil, err
		}
	}
	if text == nil {
		return nil, nil, nil
	}
	depends = append([]string{}, rpm.BuildRequires(text)...)
	for _, d := range depends {
		name, _, _ := strings.Cut(d, " ")
		names = append(names, name)
	}
	return depends, names, nil
}
