package lock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
)

// relations returns what apt is asked for: what the source depends on, mapped,
// with the recipe's own packages; and what must not be there.
func (l *Locker) relations(ctx context.Context, rec *recipe.Recipe, f recipe.Format, look *realize.Look, asked *recipe.Asked) (depends, conflicts deb.Relations, err error) {
	if f == recipe.FormatRPM {
		depends, err = l.rpmRelations(ctx, rec, look)
	} else {
		depends, conflicts, err = debRelations(look)
	}
	if err != nil {
		return nil, nil, err
	}
	if depends, _, err = depends.Map(asked.Mapped); err != nil {
		return nil, nil, err
	}
	for _, name := range asked.Extra {
		depends = append(depends, deb.Relation{{Name: name}})
	}
	return depends, conflicts, nil
}

// debRelations reads debian/control.
func debRelations(look *realize.Look) (depends, conflicts deb.Relations, err error) {
	control, err := look.Control()
	if err != nil {
		return nil, nil, err
	}
	fields, err := realize.BuildFields(control)
	if err != nil {
		return nil, nil, fmt.Errorf("debian/control: %w", err)
	}
	for _, part := range []string{"", "-Arch", "-Indep"} {
		depends = append(depends, fields["Build-Depends"+part]...)
		conflicts = append(conflicts, fields["Build-Conflicts"+part]...)
	}
	return depends, conflicts, nil
}

// rpmRelations asks rpmspec. Versions are left out: rpm's count otherwise than
// Debian's, and what serves in a name's place was chosen for the suite.
func (l *Locker) rpmRelations(ctx context.Context, rec *recipe.Recipe, look *realize.Look) (all deb.Relations, err error) {
	lines, err := look.BuildRequires(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		names = append(names, name)
	}
	known, err := l.Mapped(rec, recipe.FormatRPM, names)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(name, "rpmlib("):
			continue // of rpmbuild itself
		case known[name] == nil && deb.CheckPackage(name) != nil:
			unknown = append(unknown, name)
			continue
		}
		if to, ok := known[name]; ok {
			// Its own name may be none that Debian could have.
			for _, p := range to {
				all = append(all, deb.Relation{{Name: p}})
			}
			continue
		}
		all = append(all, deb.Relation{{Name: name}})
	}
	if len(unknown) > 0 {
		text, err := look.Spec()
		if err != nil {
			return nil, err
		}
		var all []error
		for _, name := range unknown {
			all = append(all, &UnknownDependencyError{
				File: rec.RPM.Spec, Line: lineOf(text, name), Name: name,
				Why: "no name of a Debian package, and not in " + recipe.DependenciesName,
			})
		}
		return nil, errors.Join(all...)
	}
	return all, nil
}

// place says of names that apt does not know where they stand.
func (l *Locker) place(err error, f recipe.Format, look *realize.Look, rec *recipe.Recipe) error {
	var unmet *resolve.UnmetError
	if !errors.As(err, &unmet) {
		return err
	}
	file, read := "debian/control", look.Control
	if f == recipe.FormatRPM {
		file, read = rec.RPM.Spec, look.Spec
	}
	text, readErr := read()
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	var all []error
	for _, d := range unmet.Unmet {
		if d.Why == d.Name+" but it is not installable" {
			d.Why = "the archive has no such package"
		}
		all = append(all, &UnknownDependencyError{File: file, Line: lineOf(text, d.Name), Name: d.Name, Why: d.Why})
	}
	return errors.Join(all...)
}

// UnknownDependencyError is a build dependency that nothing serves.
type UnknownDependencyError struct {
	File string // debian/control, or the spec
	Line int    // 0: the name stands nowhere as it is, but in a macro or the recipe's packages
	Name string
	Why  string // mostly as apt says it
}

func (e *UnknownDependencyError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", e.File, e.Name, e.Why)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Name, e.Why)
}

// lineOf returns the first line that holds a dependency's name, 0 for none.
func lineOf(text []byte, name string) int {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		if !strings.HasPrefix(line, "#") && holds(line, name) {
			return n
		}
	}
	return 0
}

// holds reports whether a name stands in a line, and is not part of another one.
func holds(line, name string) bool {
	const inNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_/()"
	for name != "" {
		before, after, found := strings.Cut(line, name)
		switch {
		case !found:
			return false
		case strings.TrimRight(before, inNames) == before && (strings.TrimLeft(after, inNames) == after || strings.HasPrefix(after, "(")):
			return true
		}
		line = after
	}
	return false
}
