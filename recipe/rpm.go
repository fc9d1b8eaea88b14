package recipe

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// RPM is the part of a recipe that makes RPM packages.
type RPM struct {
	Build
	Spec    string            // path looked for in the recipe's folder, then in the main source
	Source0 *Source0          // nil: the spec has no source
	Sources map[string]string // file in SOURCES, e.g. modules.tar.gz: name of the source that it is made of
	Defines map[string]string // macros of the build
}

// Source0 is the tarball that is made of the main source, NAME-VERSION.tar.gz
// with the spec's version.
type Source0 struct {
	Name     string // e.g. hello
	Prefixed bool   // it holds one folder NAME-VERSION (layout: prefixed), else the files themselves (flat)
}

// parseRPM reads the section, with what over, a variant's, states instead.
// others are the names of the sources beside main.
func parseRPM(v, over yamldoc.Value, main Source, others []string) *RPM {
	f := section(v, over, "spec", "source0", "sources", "defines")
	r := &RPM{
		Build: parseBuild(f, parseRPMName), Spec: yamldoc.As(f.Need("spec"), parseSpec),
		Sources: parseRPMSources(f.Get("sources"), others),
		Defines: parseDefines(f.Get("defines")),
	}
	r.at.source = f.Get("spec").Position()
	if s := f.Get("source0"); s.Present() {
		sf := s.Fields("name", "layout")
		r.Source0 = &Source0{
			Name:     yamldoc.As(sf.Need("name"), parseRPMName),
			Prefixed: sf.Need("layout").OneOf("prefixed", "flat") == "prefixed",
		}
	}
	if m := f.Get("modes"); m.Present() && r.Source0 == nil {
		m.Errorf("are those of files in the tarball, and there is no source0")
	}
	if _, ok := main.(Dsc); ok {
		v.Errorf("a Debian source package makes no rpm: want a source of path or git")
	}
	return r
}

// parseRPMSources reads FILE: SOURCE.
func parseRPMSources(v yamldoc.Value, known []string) map[string]string {
	one := func(name string) (string, error) {
		switch {
		case name == Main:
			return "", errors.New("source main: is what source0 is made of: want another one")
		case !slices.Contains(known, name):
			return "", fmt.Errorf("source %q: not in sources%s", name, yamldoc.Meant(name, known))
		}
		return name, nil
	}
	out := map[string]string{}
	for _, e := range v.Entries() {
		out[yamldoc.As(e.Key, parseTarball)] = yamldoc.As(e.Value, one)
	}
	return out
}

// reservedDefines are macros whose value is pbuild's to set.
var reservedDefines = []string{
	"__brp_compress", "_buildhost", "_buildshell", "_topdir", "clamp_mtime_to_source_date_epoch", "use_source_date_epoch_as_buildtime",
}

func parseDefines(v yamldoc.Value) map[string]string {
	out := map[string]string{}
	for _, e := range v.Entries() {
		name := e.Key.Text()
		switch {
		case !macroForm.match(name):
			e.Key.Errorf("want a name of letters, digits and _, three or more, not beginning with a digit")
		case slices.Contains(reservedDefines, name):
			e.Key.Errorf("is set by pbuild")
		}
		out[name] = yamldoc.As(e.Value, parseMacro)
	}
	return out
}
