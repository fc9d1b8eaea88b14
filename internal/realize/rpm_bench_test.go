package realize_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing/fstest"
)

// madeRPM is a made-up recipe of an rpm: one package for all architectures. What
// is empty takes a default.
type madeRPM struct {
	outputs string            // "a, b"; the recipe's name
	more    string            // further lines of the section rpm
	source0 string            // "-" for none; "{name: NAME, layout: prefixed}"
	source  map[string]string // further files of the main source
	folder  map[string]string // further files of the recipe's folder

	spec     string // all of it; else it is made of these
	version  string // 1
	release  string // 1
	preamble string // further lines before %description
	scripts  string // %prep and what follows; «setup», and an %install that makes /usr/share/NAME
	files    string // /usr/share/NAME
}

// text is the spec.
func (m madeRPM) text(name string) string {
	if m.spec != "" {
		return m.spec
	}
	source0 := "Source0: %{name}-%{version}.tar.gz\n"
	if m.source0 == "-" {
		source0 = ""
	}
	scripts := m.scripts
	if scripts == "" && source0 != "" {
		scripts = "%prep\n%setup -q\n"
	}
	if !strings.Contains(scripts, "%install") {
		scripts += fmt.Sprintf("%%install\nmkdir -p %%{buildroot}/usr/share\necho made up >%%{buildroot}/usr/share/%s\n", name)
	}
	return fmt.Sprintf("Name: %s\nVersion: %s\nRelease: %s\nSummary: made up\nLicense: Apache-2.0\nBuildArch: noarch\n%s%s\n"+
		"%%description\nMade up.\n\n%s\n%%files\n%s\n\n%%changelog\n* Fri May 15 2026 A Packager <packager@example.org>\n- Made up.\n",
		name, cmp.Or(m.version, "1"), cmp.Or(m.release, "1"), source0, m.preamble, scripts, cmp.Or(m.files, "/usr/share/"+name))
}

// writeRPM puts a made-up recipe into the collection.
func (b *bench) writeRPM(name string, m madeRPM) {
	b.t.Helper()
	yaml := fmt.Sprintf("format: 1\nname: %s\nsummary: Made up\nlicense: Apache-2.0\nsources: {main: {path: src}}\n"+
		"rpm:\n  builder: debian-12-rpm\n  spec: %[1]s.spec\n  outputs: [%[2]s]\n", name, cmp.Or(m.outputs, name))
	if m.source0 != "-" {
		yaml += "  source0: " + cmp.Or(m.source0, "{name: "+name+", layout: prefixed}") + "\n"
	}
	for line := range strings.Lines(m.more) {
		yaml += "  " + line
	}
	files := map[string]string{"recipe.yaml": yaml, "src/README": "made up\n"}
	if m.spec != "-" {
		files[name+".spec"] = m.text(name)
	}
	for path, body := range m.folder {
		files[path] = body
	}
	for path, body := range m.source {
		files["src/"+path] = body
	}
	for path, body := range files {
		b.files[name+"/"+path] = &fstest.MapFile{Data: []byte(body), Mode: 0o644}
	}
	b.reload()
}
