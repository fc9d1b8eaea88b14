package recipe

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// SourceName names a source of a recipe. As text a recipe's main source has the
// recipe's name, e.g. fuel-library, and another RECIPE/SOURCE, e.g.
// fuel-library/modules/stdlib.
type SourceName struct {
	Recipe string
	Source string // as in Recipe.Sources
}

// ParseSourceName reads what String writes.
func ParseSourceName(s string) (SourceName, error) {
	name, source, other := strings.Cut(s, "/")
	n := SourceName{name, Main}
	if _, err := parseName(name); err != nil {
		return n, err
	}
	if !other {
		return n, nil
	}
	n.Source = source
	pack, part, packed := strings.Cut(source, "/")
	_, err := parseName(pack)
	if packed && err == nil {
		_, err = parsePart(part)
	}
	if err == nil && pack == Main {
		err = fmt.Errorf("source %s: want the recipe's name alone", source)
	}
	return n, err
}

func (n SourceName) String() string {
	if n.Source == Main {
		return n.Recipe
	}
	return n.Recipe + "/" + n.Source
}

// Set is a file *.set.yaml: sources that stand in the place of those of several
// recipes for a run.
type Set struct {
	Sources map[SourceName]Source
	at      map[SourceName]yamldoc.Position
}

// ParseSet reads a set. file is its name in errors.
func ParseSet(file string, data []byte) (*Set, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "summary", "sources")
	if err != nil {
		return nil, err
	}
	s := &Set{map[SourceName]Source{}, map[SourceName]yamldoc.Position{}}
	if v := f.Get("summary"); v.Present() {
		yamldoc.As(v, parseLine)
	}
	for _, e := range f.Need("sources").Entries() {
		name := yamldoc.As(e.Key, ParseSourceName)
		kinds := []string{"path", "git"}
		if name.Source == Main {
			kinds = append(kinds, "dsc")
		}
		s.Sources[name], _ = parseSource(e.Value, kinds)
		s.at[name] = e.Key.Position()
		if g, ok := s.Sources[name].(Git); ok && g.Ref != "" && !IsCommit(g.Ref) {
			e.Value.Errorf("ref %q: want a full commit id, which names the same files to everybody", g.Ref)
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Names returns what the set names, sorted.
func (s *Set) Names() []SourceName {
	return slices.SortedFunc(maps.Keys(s.Sources), func(a, b SourceName) int { return strings.Compare(a.String(), b.String()) })
}

// Check says which recipe of the set the collection lacks, or which source a recipe.
func (s *Set) Check(c *Collection) error {
	read := map[string]*Recipe{} // each once: a pack may have many parts
	for _, name := range s.Names() {
		err := c.known(name.Recipe)
		if err == nil && name.Source != Main {
			r := read[name.Recipe]
			if r == nil {
				r, err = c.Unlocked(name.Recipe)
				read[name.Recipe] = r
			}
			if err == nil {
				err = r.HasSource(name.Source)
			}
		}
		if err != nil {
			return s.at[name].Errorf("sources: %w", err)
		}
	}
	return nil
}

// HasSource returns an *UnknownError for a source that the recipe lacks.
func (r *Recipe) HasSource(name string) error {
	if _, ok := r.Sources[name]; ok {
		return nil
	}
	near := yamldoc.Near(name, slices.Sorted(maps.Keys(r.Sources)))
	if parts := r.Parts(name); len(parts) > 0 { // a pack is none itself
		near = parts[:min(len(parts), 3)]
	}
	return &UnknownError{"source of " + r.Name, name, near}
}

// SetsFor returns the sets of the collection, files *.set.yaml in its folder, that
// put a folder in the place of a recipe's source: as people name them, sorted. One
// that can't be read is left out.
func (c *Collection) SetsFor(recipe string) (files []string) {
	names, err := fs.Glob(c.fsys, "*.set.yaml")
	if err != nil {
		return nil
	}
	for _, name := range names {
		data, err := c.read(name, yamldoc.MaxSize)
		if err != nil {
			continue
		}
		set, err := ParseSet(name, data)
		if err != nil {
			continue
		}
		if _, ok := set.Sources[SourceName{recipe, Main}].(Path); ok {
			files = append(files, c.shown(name))
		}
	}
	return files
}

// Replace puts a source in the place of one that the recipe has, with what is known
// of it where it is one that a lock would hold. What others see of the recipe stays.
func (r *Recipe) Replace(name string, s Source, l *Locked) error {
	if _, ok := s.(Dsc); ok && r.RPM != nil {
		return fmt.Errorf("recipe %s: a Debian source package makes no rpm", r.Name)
	}
	if err := r.HasSource(name); err != nil {
		return err
	}
	lock := &Lock{Sources: map[string]Locked{}}
	if r.Lock != nil {
		lock.Deb, lock.RPM = r.Lock.Deb, r.Lock.RPM
		maps.Copy(lock.Sources, r.Lock.Sources)
	}
	delete(lock.Sources, name)
	if l != nil {
		lock.Sources[name] = *l
	}
	r.Sources, r.Lock = maps.Clone(r.Sources), lock
	r.Sources[name] = s
	return nil
}
