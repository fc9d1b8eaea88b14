package recipe

import (
	"slices"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Build is what recipes say alike of both formats. A recipe's profiles are
// merged into it.
type Build struct {
	Builder  string              // e.g. debian-12-deb
	Profiles []string            // whose fields are merged here, in the order written; not in the key themselves
	Needs    []string            // recipes whose packages of the same format are installed before the build
	Packages []string            // of the builder's suite, beyond what the sources ask for; recipe.lock holds what came of it
	Outputs  []string            // package names, in the order written
	Require  map[string][]string // output: absolute paths that its package must hold; not in the key
	Debug    bool                // keep debug packages (debug: keep)
	Edits    []Edit              // of the main source, by file, those of a file in their order
	Env      map[string]string   // environment of the build
	Modes    map[string]string   // path in the tree that is built: "0755"
	Home     map[string]Placed   // by path below $HOME
	Files    map[string]Placed   // by absolute path, over what the builder has there

	at positions
}

// Placed is a file that is put beside the source before a build: content with
// a mode, or a symbolic link.
type Placed struct {
	Content string
	Link    string // target; then there is neither content nor mode
	Mode    string // "0644"
}

// positions are where mistakes are reported that show only outside recipe.yaml.
type positions struct {
	builder  yamldoc.Position
	source   yamldoc.Position // of debian: or spec:, where it stands
	profiles []yamldoc.Position
	needs    []yamldoc.Position
}

// buildFields are the fields that both formats have.
var buildFields = []string{"builder", "profiles", "needs", "packages", "outputs", "require", "debug", "edits", "env", "modes", "home", "files"}

// section returns the fields of rpm or deb, with those of a variant over them.
func section(v, over yamldoc.Value, own ...string) yamldoc.Fields {
	known := slices.Concat(own, buildFields)
	f := v.Fields(known...)
	if over.Present() {
		f = over.Fields(known...).Over(f)
	}
	return f
}

// reservedEnv are variables whose value is pbuild's to set: they are told by
// the sandbox or by the key.
var reservedEnv = []string{"HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "PWD", "SOURCE_DATE_EPOCH", "TMPDIR"}

func parseBuild(f yamldoc.Fields, output func(string) (string, error)) Build {
	b := Build{
		Builder: yamldoc.As(f.Need("builder"), parseName),
		Outputs: parseList(f.Need("outputs"), output),
		Debug:   f.Get("debug").OneOf("keep", "drop") == "keep",
		Edits:   parseEdits(f.Get("edits")),
		Modes:   parseModes(f.Get("modes")),
		at:      positions{builder: f.Get("builder").Position()},
	}
	if v := f.Get("profiles"); v.Present() {
		b.Profiles = parseList(v, parseName)
		for _, e := range v.List() {
			b.at.profiles = append(b.at.profiles, e.Position())
		}
	}
	if v := f.Get("needs"); v.Present() {
		b.Needs = parseList(v, parseVariedName)
		for _, e := range v.List() {
			b.at.needs = append(b.at.needs, e.Position())
		}
	}
	b.Packages = parseList(f.Get("packages"), parsePackage)
	b.Env, b.Home, b.Files = parseEnv(f.Get("env")), parseHome(f.Get("home")), parseFiles(f.Get("files"))
	b.Require = parseRequire(f.Get("require"), b.Outputs)
	return b
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
	if list != nil && len(list) == 0 {
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
		case !envForm.match(name):
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

func parseHome(v yamldoc.Value) map[string]Placed {
	out := map[string]Placed{}
	for _, e := range v.Entries() {
		out[yamldoc.As(e.Key, parseInside)] = parsePlaced(e.Value)
	}
	return out
}

func parseFiles(v yamldoc.Value) map[string]Placed {
	out := map[string]Placed{}
	for _, e := range v.Entries() {
		out[yamldoc.As(e.Key, parsePlace)] = parsePlaced(e.Value)
	}
	return out
}

// parsePlaced reads {content: TEXT, mode: MODE} or {link: TARGET}.
func parsePlaced(v yamldoc.Value) Placed {
	f := v.Fields("content", "link", "mode")
	kind, what := f.One("content", "link")
	if kind == "link" {
		if m := f.Get("mode"); m.Present() {
			m.Errorf("a link has none: leave it out")
		}
		return Placed{Link: yamldoc.As(what, parseTarget)}
	}
	p := Placed{Content: what.Text(), Mode: "0644"}
	if m := f.Get("mode"); m.Present() {
		p.Mode = yamldoc.As(m, parseMode)
	}
	return p
}
