package recipe

import (
	"slices"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// FileFormat is the format number that recipes, locks and builders begin with.
const FileFormat = 1

// Main is the name of the source that is built.
const Main = "main"

// Recipe is a checked recipe.yaml with its lock.
type Recipe struct {
	Name    string // e.g. hello; the name of its folder
	Summary string // one line for people; not in the key
	License string // SPDX expression; not in the key
	Sources map[string]Source
	Deb     *Deb  // how a Debian package is made
	Lock    *Lock // nil without recipe.lock
}

// Deb is the part of a recipe that makes Debian packages.
type Deb struct {
	Builder string              // e.g. debian-12-deb
	Debian  string              // folder looked for in the main source, then in the recipe's folder; "debian" for a Dsc
	Outputs []string            // package names, in the order written
	Require map[string][]string // output: absolute paths that its package must hold; not in the key
	Debug   bool                // keep debug packages (debug: keep)
	Env     map[string]string   // environment of the build
	Modes   map[string]string   // path in the tree that is built, debian/ included: "0755"

	at positions
}

// positions are where mistakes are reported that show only outside recipe.yaml.
type positions struct{ builder, debian yamldoc.Position }

// reservedEnv are variables whose value is pbuild's to set: they are told by
// the sandbox or by the key.
var reservedEnv = []string{"HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PWD", "SOURCE_DATE_EPOCH", "TMPDIR"}

// parseRecipe reads recipe.yaml of the folder name.
func parseRecipe(file, name string, data []byte) (*Recipe, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "license", "sources", "deb")
	if err != nil {
		return nil, err
	}
	r := &Recipe{
		Name:    yamldoc.As(f.Need("name"), parseName),
		Summary: yamldoc.As(f.Need("summary"), parseLine),
		License: yamldoc.As(f.Need("license"), parseLicense),
		Sources: parseSources(f.Need("sources")),
	}
	if r.Name != "" && r.Name != name {
		f.Get("name").Errorf("%q: the folder says %q", r.Name, name)
	}
	r.Deb = parseDeb(f.Need("deb"), r.Sources[Main])
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return r, nil
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

func parseDeb(v yamldoc.Value, main Source) *Deb {
	f := v.Fields("builder", "debian", "outputs", "require", "debug", "env", "modes")
	d := &Deb{
		Builder: yamldoc.As(f.Need("builder"), parseName),
		Debian:  "debian",
		Outputs: parseList(f.Need("outputs"), parseOutput),
		Debug:   f.Get("debug").OneOf("keep", "drop") == "keep",
		Env:     parseEnv(f.Get("env")),
		Modes:   parseModes(f.Get("modes")),
		at:      positions{f.Get("builder").Position(), v.Position()},
	}
	if folder := f.Get("debian"); folder.Present() {
		d.Debian, d.at.debian = yamldoc.As(folder, parseInside), folder.Position()
		if _, ok := main.(Dsc); ok {
			folder.Errorf("a Debian source package brings its own: leave it out")
		}
	}
	d.Require = parseRequire(f.Get("require"), d.Outputs)
	return d
}

// parseList reads a list of names, one or more, each once.
func parseList(v yamldoc.Value, parse func(string) (string, error)) []string {
	var out []string
	list := v.List()
	for _, e := range list {
		name := yamldoc.As(e, parse)
		switch {
		case name == "":
		case slices.Contains(out, name):
			e.Errorf("%s: stands twice", name)
		default:
			out = append(out, name)
		}
	}
	if v.Present() && len(list) == 0 {
		v.Errorf("want at least one")
	}
	return out
}

func parseRequire(v yamldoc.Value, outputs []string) map[string][]string {
	out := map[string][]string{}
	for _, e := range v.Entries() {
		name := e.Key.Text()
		if !slices.Contains(outputs, name) {
			e.Key.Errorf("not in outputs%s", yamldoc.Meant(name, outputs))
		}
		out[name] = parseList(e.Value, parseInstalled)
	}
	return out
}

func parseEnv(v yamldoc.Value) map[string]string {
	out := map[string]string{}
	for _, e := range v.Entries() {
		name := e.Key.Text()
		switch {
		case !envForm.MatchString(name):
			e.Key.Errorf("want a name of letters, digits and _, not beginning with a digit")
		case slices.Contains(reservedEnv, name):
			e.Key.Errorf("is set by pbuild")
		}
		out[name] = e.Value.Text()
	}
	return out
}

func parseModes(v yamldoc.Value) map[string]string {
	out := map[string]string{}
	for _, e := range v.Entries() {
		out[yamldoc.As(e.Key, parseInside)] = yamldoc.As(e.Value, parseMode)
	}
	return out
}
