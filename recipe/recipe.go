package recipe

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// FileFormat is the format number that recipes, locks and builders begin with.
const FileFormat = 1

// Main is the name of the source that is built.
const Main = "main"

// Recipe is a checked recipe.yaml with its lock.
type Recipe struct {
	Name    string            // e.g. hello; of a variant hello+debug
	Folder  string            // of the collection, e.g. hello
	File    string            // as errors show it, e.g. recipes/hello/recipe.yaml
	Summary string            // one line for people; not in the key
	License string            // SPDX expression; not in the key
	Sources map[string]Source // by name; those that are packed together as PACK/FOLDER, e.g. modules/stdlib
	Deb     *Deb              // how Debian packages are made; nil: none are
	RPM     *RPM              // how RPM packages are made; nil: none are
	Scheme  *Scheme           // what versions are made of; nil: what spec and changelog say
	Lock    *Lock             // nil without recipe.lock
	Limits  limits.Limits     // that the recipe asks for; not in the key

	Variants []string // their names, without the recipe's, in the order written; of a variant none

	at      map[string]yamldoc.Position // of sources
	scheme  string                      // its name
	version yamldoc.Position            // where it stands
}

// parseRecipe reads recipe.yaml of a folder: as the recipe FOLDER, or as its variant
// FOLDER+VARIANT. All variants are checked, whichever is asked for.
func parseRecipe(file, name string, data []byte) (*Recipe, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "license", "sources", "version", "limits", "rpm", "deb", "variants")
	if err != nil {
		return nil, err
	}
	folder, variant, varied := strings.Cut(name, "+")
	if own := yamldoc.As(f.Need("name"), parseName); own != "" && own != folder {
		f.Get("name").Errorf("%q: the folder says %q", own, folder)
	}
	license := yamldoc.As(f.Need("license"), parseLicense)
	parse := func(over yamldoc.Value) *Recipe {
		r := &Recipe{Name: name, Folder: folder, File: file, License: license}
		r.parse(f, over)
		return r
	}
	r := parse(yamldoc.Value{})
	if r.Deb == nil && r.RPM == nil {
		doc.Root().Errorf("deb or rpm: missing: at least one says what is made")
	}
	var found *Recipe
	for _, e := range f.Get("variants").Entries() {
		r.Variants = append(r.Variants, yamldoc.As(e.Key, parseName))
		v := parse(e.Value)
		if v.Deb == nil && v.RPM == nil {
			e.Value.Errorf("deb or rpm: missing: a variant makes what it states, be it {}")
		}
		if e.Key.Text() == variant {
			found = v
		}
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	if varied {
		if found == nil {
			return nil, &UnknownError{"variant of " + folder, variant, yamldoc.Near(variant, r.Variants)}
		}
		r = found
	}
	if err := r.needsItself(); err != nil {
		return nil, err
	}
	return r, nil
}

// variedFields are those that a variant can state in its own way.
var variedFields = []string{"summary", "version", "limits", "sources", "rpm", "deb"}

// parse reads the fields that can vary. What over states, the value of a variant,
// stands in the place of the recipe's own field, and in rpm, deb and sources field by
// field. A variant makes only those formats that it states.
func (r *Recipe) parse(base yamldoc.Fields, over yamldoc.Value) {
	f, v := base, over.Fields(variedFields...)
	if over.Present() {
		f = v.Over(base)
	}
	r.Summary = yamldoc.As(f.Need("summary"), parseLine)
	r.scheme, r.version = yamldoc.As(f.Get("version"), parseSchemeName), f.Get("version").Position()
	r.Limits = limits.Parse(f.Get("limits"))
	r.Sources, r.at = parseSources(base.Need("sources"), v.Get("sources"))
	if f.Get("deb").Present() && (!over.Present() || v.Get("deb").Present()) {
		r.Deb = parseDeb(base.Get("deb"), v.Get("deb"), r.Sources[Main])
	}
	if f.Get("rpm").Present() && (!over.Present() || v.Get("rpm").Present()) {
		r.RPM = parseRPM(base.Get("rpm"), v.Get("rpm"), r.Sources[Main], r.others())
	}
	if _, ok := r.Sources[Main].(Dsc); ok && r.scheme != "" {
		f.Get("version").Errorf("a Debian source package has its own: leave it out")
	}
	sources := base.Get("sources")
	if over.Present() {
		sources = v.Get("sources")
	}
	r.checkTaken(sources)
}

// others returns the names of the sources beside main, also of those with a mistake in
// them, sorted.
func (r *Recipe) others() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(r.at)) {
		if name != Main && name != "" && !strings.Contains(name, "/") {
			all = append(all, name)
		}
	}
	return all
}

// checkTaken says which sources no format takes.
func (r *Recipe) checkTaken(sources yamldoc.Value) {
	taken := []string{Main}
	why := "a deb is made of main alone"
	if r.RPM != nil {
		taken = slices.AppendSeq(taken, maps.Values(r.RPM.Sources))
		why = "name it in rpm.sources"
	}
	if slices.Contains(taken, "") { // a mistake, which was said: probably one of these was meant
		return
	}
	_, main := r.at[Main]
	for _, e := range sources.Entries() {
		name := e.Key.Text()
		switch _, named := r.at[name]; {
		case slices.Contains(taken, name) || !named: // or it is no name, which was said
		case !main && len(yamldoc.Near(name, []string{Main})) > 0:
			e.Key.Errorf("did you mean main?")
		default:
			e.Key.Errorf("nothing takes it: %s", why)
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

// LockFolder returns the folder in the collection where the lock of a recipe lies, with
// the lists of packages: a variant has its own.
func LockFolder(name string) string {
	if folder, variant, ok := strings.Cut(name, "+"); ok {
		return path.Join(folder, "variants", variant)
	}
	return name
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
