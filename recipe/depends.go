package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Asked is what a build asks for beyond its builder.
type Asked struct {
	Depends []string            // as debian/control or the spec says it, sorted, each once
	Extra   []string            // packages: of the recipe and its profiles, in order
	Mapped  map[string][]string // of the names in Depends those that dependencies.yaml maps, to what
}

// check says what the lock was not made for: ErrLock.
func (l *BuildLock) check(now Asked) error {
	if err := differs("build dependency", l.Depends, now.Depends); err != nil {
		return err
	}
	if err := differs("package", l.Extra, now.Extra); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(now.Mapped)) {
		if to, ok := l.Mapped[name]; !ok || !slices.Equal(to, now.Mapped[name]) {
			return fmt.Errorf("%w: %s maps %s otherwise", ErrLock, DependenciesName, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Mapped)) {
		if _, ok := now.Mapped[name]; !ok {
			return fmt.Errorf("%w: %s maps %s no more", ErrLock, DependenciesName, name)
		}
	}
	return nil
}

func differs(what string, locked, now []string) error {
	for _, d := range now {
		if !slices.Contains(locked, d) {
			return fmt.Errorf("%w: %s %q is not in it", ErrLock, what, d)
		}
	}
	for _, d := range locked {
		if !slices.Contains(now, d) {
			return fmt.Errorf("%w: %s %q is asked for no more", ErrLock, what, d)
		}
	}
	return nil
}

// DependenciesName is the file of a collection that maps build dependencies.
const DependenciesName = "dependencies.yaml"

// Dependencies maps names in Build-Depends and BuildRequires to packages of the
// builders' suite: NAME: [PACKAGE…], or NAME: {none: REASON} for what a build
// does without.
type Dependencies struct {
	to map[string][]string
	at map[string]yamldoc.Position
}

// Map returns those of names that are mapped.
func (d *Dependencies) Map(names []string) map[string][]string {
	out := map[string][]string{}
	for _, n := range names {
		if to, ok := d.to[n]; ok {
			out[n] = to
		}
	}
	return out
}

// All returns the whole mapping; an empty list says that a build does without.
func (d *Dependencies) All() map[string][]string { return d.to }

// Dependencies reads dependencies.yaml; without one nothing is mapped.
func (c *Collection) Dependencies() (*Dependencies, error) {
	d := &Dependencies{map[string][]string{}, map[string]yamldoc.Position{}}
	data, err := c.read(DependenciesName, yamldoc.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := yamldoc.Parse(c.shown(DependenciesName), data)
	if err != nil {
		return nil, err
	}
	for _, e := range doc.Root().Entries() {
		name := yamldoc.As(e.Key, parseDependency)
		if e.Value.IsList() {
			d.to[name] = parseList(e.Value, parsePackage)
		} else {
			yamldoc.As(e.Value.Fields("none").Need("none"), parseLine)
			d.to[name] = []string{}
		}
		d.at[name] = e.Key.Position()
	}
	return d, doc.Err()
}

// parseDependency checks the name of a build dependency, a package's or what
// rpm calls a capability, such as perl(Test::More).
func parseDependency(s string) (string, error) {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_:()/"
	if s == "" || len(s) > 200 || strings.Trim(s, allowed) != "" || strings.ContainsAny(s[:1], "-.()") {
		return "", fmt.Errorf("dependency %q: want a name", s)
	}
	return s, nil
}
