package recipe

import (
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// FileFormat is the format number that recipes, locks and builders begin with.
const FileFormat = 1

// Main is the name of the source that is built.
const Main = "main"

// Recipe is a checked recipe.yaml with its lock.
type Recipe struct {
	Name    string            // e.g. hello; the name of its folder
	Summary string            // one line for people; not in the key
	License string            // SPDX expression; not in the key
	Sources map[string]Source // by name; those that are packed together as PACK/FOLDER, e.g. modules/stdlib
	Deb     *Deb              // how Debian packages are made; nil: none are
	RPM     *RPM              // how RPM packages are made; nil: none are
	Scheme  *Scheme           // what versions are made of; nil: what spec and changelog say
	Lock    *Lock             // nil without recipe.lock

	at      map[string]yamldoc.Position // of sources
	scheme  string                      // its name
	version yamldoc.Position            // where it stands
}

// parseRecipe reads recipe.yaml of the folder name.
func parseRecipe(file, name string, data []byte) (*Recipe, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "license", "sources", "version", "rpm", "deb")
	if err != nil {
		return nil, err
	}
	r := &Recipe{
		Name:    yamldoc.As(f.Need("name"), parseName),
		Summary: yamldoc.As(f.Need("summary"), parseLine),
		License: yamldoc.As(f.Need("license"), parseLicense),
	}
	r.scheme, r.version = yamldoc.As(f.Get("version"), parseName), f.Get("version").Position()
	r.Sources, r.at = parseSources(f.Need("sources"))
	if r.Name != "" && r.Name != name {
		f.Get("name").Errorf("%q: the folder says %q", r.Name, name)
	}
	deb, rpm := f.Get("deb"), f.Get("rpm")
	if !deb.Present() && !rpm.Present() {
		doc.Root().Errorf("deb or rpm: missing: at least one says what is made")
	}
	if deb.Present() {
		r.Deb = parseDeb(deb, r.Sources[Main])
	}
	if rpm.Present() {
		r.RPM = parseRPM(rpm, r.Sources)
	}
	if _, ok := r.Sources[Main].(Dsc); ok && r.scheme != "" {
		f.Get("version").Errorf("a Debian source package has its own: leave it out")
	}
	if r.Sources != nil {
		r.checkTaken(f.Need("sources"))
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

// checkTaken says which sources no format takes.
func (r *Recipe) checkTaken(sources yamldoc.Value) {
	for _, e := range sources.Entries() {
		name := e.Key.Text()
		if name != Main && (r.RPM == nil || !slices.Contains(slices.Collect(maps.Values(r.RPM.Sources)), name)) {
			e.Key.Errorf("nothing takes it: name it in rpm.sources")
		}
	}
}

// Parts returns the names in Sources of what a source is made of: its own, or those
// of a pack, sorted.
func (r *Recipe) Parts(source string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Sources)) {
		if pack, _, _ := strings.Cut(name, "/"); pack == source {
			all = append(all, name)
		}
	}
	return all
}

// Takes returns the names of the sources that a format is made of: Main, then the
// others, sorted.
func (r *Recipe) Takes(f Format) []string {
	all := []string{Main}
	if f.Section() == FormatRPM {
		for _, source := range slices.Compact(slices.Sorted(maps.Values(r.RPM.Sources))) {
			all = append(all, r.Parts(source)...)
		}
	}
	return all
}

// Formats returns the formats that the recipe makes: rpm, then deb.
func (r *Recipe) Formats() (all []Format) {
	if r.RPM != nil {
		all = append(all, FormatRPM)
	}
	if r.Deb != nil {
		all = append(all, FormatDeb)
	}
	return all
}

// Build returns what the recipe says of a format, nil where it makes none.
func (r *Recipe) Build(f Format) *Build {
	switch f = f.Section(); {
	case f == FormatDeb && r.Deb != nil:
		return &r.Deb.Build
	case f == FormatRPM && r.RPM != nil:
		return &r.RPM.Build
	}
	return nil
}

// beginning returns the fields of a document whose first is the format number.
// A file of another format is reported alone: its fields can't be judged.
func beginning(doc *yamldoc.Doc, known ...string) (yamldoc.Fields, error) {
	if !doc.Root().Present() {
		return yamldoc.Fields{}, doc.Root().Position().Errorf("is empty")
	}
	for _, e := range doc.Root().Entries() {
		if e.Key.Text() == "format" {
			if n := e.Value.Int(1, 1<<31); n > FileFormat {
				return yamldoc.Fields{}, e.Value.Position().Errorf("format: %d: newer than this pbuild, which reads %d", n, FileFormat)
			}
		}
	}
	if err := doc.Err(); err != nil {
		return yamldoc.Fields{}, err
	}
	f := doc.Root().Fields(known...)
	f.Need("format")
	return f, nil
}
