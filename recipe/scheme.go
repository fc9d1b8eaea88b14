package recipe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Scheme is schemes/NAME.yaml: what versions and releases are made of. A template is
// text with variables, written %{NAME}; which there are says Variables.
type Scheme struct {
	Name string
	Deb  map[Origin]Template // empty: debs keep the version of their changelog
	RPM  map[Origin]Template // empty: rpms keep what their spec says
}

// Origin says what a source is to the recipe's own: the commit that its lock names,
// another one, or files of which no commit is known.
type Origin string

// The origins.
const (
	Merged   Origin = "merged"
	Unmerged Origin = "unmerged"
	Folder   Origin = "folder"
)

// origins are all of them, with the variables that each has.
var origins = map[Origin][]string{
	Merged:   {"count", "next", "commit", "short", "branch", "tag", "date", "tree"},
	Unmerged: {"count", "next", "commit", "short", "branch", "tag", "date", "tree"},
	Folder:   {"count", "next", "branch", "tag", "tree"},
}

// Scheme reads schemes/NAME.yaml.
func (c *Collection) Scheme(name string) (*Scheme, error) {
	file, data, err := c.named("scheme", name)
	if err != nil {
		return nil, err
	}
	return parseScheme(c.shown(file), name, data)
}

// parseSchemeName checks what recipes say as version.
func parseSchemeName(s string) (string, error) {
	if _, err := parseName(s); err != nil {
		return "", fmt.Errorf("a scheme's %w", err)
	}
	return s, nil
}

// templates returns what the scheme says of a format.
func (s *Scheme) templates(f Format) map[Origin]Template {
	switch {
	case s == nil:
		return nil
	case f.Section() == FormatRPM:
		return s.RPM
	}
	return s.Deb
}

func parseScheme(file, name string, data []byte) (*Scheme, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "deb", "rpm")
	if err != nil {
		return nil, err
	}
	s := &Scheme{
		Name: yamldoc.As(f.Need("name"), parseName),
		Deb:  parseTemplates(f.Get("deb"), FormatDeb), RPM: parseTemplates(f.Get("rpm"), FormatRPM),
	}
	yamldoc.As(f.Need("summary"), parseLine)
	if s.Name != "" && s.Name != name {
		f.Get("name").Errorf("%q: the file says %q", s.Name, name)
	}
	if !f.Get("deb").Present() && !f.Get("rpm").Present() {
		doc.Root().Errorf("deb or rpm: missing: at least one says what is stamped")
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

func parseTemplates(v yamldoc.Value, f Format) map[Origin]Template {
	out := map[Origin]Template{}
	known := slices.Sorted(maps.Keys(origins))
	names := make([]string, len(known))
	for i, o := range known {
		names[i] = string(o)
	}
	fields := v.Fields(names...)
	fields.Need(string(Merged))
	for _, o := range known {
		one := fields.Get(string(o))
		if !one.Present() {
			continue
		}
		t := one.Fields("version", "release")
		parse := func(own string) func(string) (string, error) {
			return func(s string) (string, error) {
				variables := origins[o]
				if own != "" {
					variables = append(slices.Clip(variables), own)
				}
				return parseTemplate(s, variables)
			}
		}
		tmpl := Template{Release: yamldoc.As(t.Need("release"), parse(""))}
		own := "" // the spec is asked when it is built
		if f == FormatDeb {
			own, tmpl.Version = "version", "%{version}"
		}
		if version := t.Get("version"); version.Present() {
			tmpl.Version = yamldoc.As(version, parse(own))
		}
		out[o] = tmpl
	}
	return out
}
