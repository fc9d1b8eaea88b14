package recipe

import (
	"fmt"
	"io/fs"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Set is a file *.set.yaml: sources that stand in the place of those of several
// recipes for a run.
type Set struct {
	Sources map[string]Source // by name of the recipe, of its main source
	at      map[string]yamldoc.Position
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
	s := &Set{map[string]Source{}, map[string]yamldoc.Position{}}
	if v := f.Get("summary"); v.Present() {
		yamldoc.As(v, parseLine)
	}
	for _, e := range f.Need("sources").Entries() {
		name := yamldoc.As(e.Key, parseName)
		s.Sources[name] = parseSource(e.Value)
		s.at[name] = e.Key.Position()
		if g, ok := s.Sources[name].(Git); ok && !IsCommit(g.Ref) {
			e.Value.Errorf("ref %q: want a full commit id, which names the same files to everybody", g.Ref)
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// Check says which recipe of the set the collection lacks.
func (s *Set) Check(c *Collection) error {
	for name := range s.Sources {
		if err := c.known(name); err != nil {
			return s.at[name].Errorf("sources: %w", err)
		}
	}
	return nil
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
		if _, ok := set.Sources[recipe].(Path); ok {
			files = append(files, c.shown(name))
		}
	}
	return files
}

// Replace puts a source in the place of the main one, with what is known of it
// where it is one that a lock would hold.
func (r *Recipe) Replace(s Source, l *Locked) error {
	if _, ok := s.(Dsc); ok && r.RPM != nil {
		return fmt.Errorf("recipe %s: a Debian source package makes no rpm", r.Name)
	}
	sources := map[string]Source{Main: s}
	lock := &Lock{Sources: map[string]Locked{}}
	if r.Lock != nil {
		lock.Deb, lock.RPM = r.Lock.Deb, r.Lock.RPM
	}
	for name, other := range r.Sources {
		if name == Main {
			continue
		}
		sources[name] = other
		if r.Lock != nil {
			lock.Sources[name] = r.Lock.Sources[name]
		}
	}
	if l != nil {
		lock.Sources[Main] = *l
	}
	r.Sources, r.Lock = sources, lock
	return nil
}
