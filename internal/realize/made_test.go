package realize_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"
)

// made is a made-up recipe: one package whose debian/rules runs the script
// debian/build.sh, which makes it. What is empty takes a default.
type made struct {
	outputs string            // "a, b"; the recipe's name
	require string            // "{a: [/x]}"
	more    string            // further lines of the section deb
	source  map[string]string // further files of the main source
	script  string            // before «pack» makes the package of each output
	control string            // further lines of debian/control's first paragraph
}

// debian returns the files of debian/.
func (m made) debian(name string) map[string]string {
	control := "Source: " + name + "\nMaintainer: A Packager <packager@example.org>\nRules-Requires-Root: no\nStandards-Version: 4.6.2\n" + m.control
	script := "set -e\n" + pack + m.script
	for p := range strings.SplitSeq(cmp.Or(m.outputs, name), ", ") {
		control += "\nPackage: " + p + "\nArchitecture: all\nDescription: made up\n"
	}
	if !strings.Contains(m.script, "pack ") {
		script += "\npack " + name + "\n"
	}
	return map[string]string{
		"control":   control,
		"changelog": name + " (1-1) bookworm; urgency=medium\n\n  * Made up.\n\n -- A Packager <packager@example.org>  Fri, 15 May 2026 10:00:00 +0000\n",
		"rules":     "#!/usr/bin/make -f\nclean build:\nbinary:\n\tsh debian/build.sh\n",
		"build.sh":  script,
	}
}

// write puts a made-up recipe into the collection.
func (b *bench) write(name string, m made) {
	b.t.Helper()
	yaml := fmt.Sprintf("format: 1\nname: %s\nsummary: Made up\nlicense: Apache-2.0\nsources: {main: {path: src}}\n"+
		"deb:\n  builder: debian-12-deb\n  outputs: [%s]\n", name, cmp.Or(m.outputs, name))
	if m.require != "" {
		yaml += "  require: " + m.require + "\n"
	}
	for line := range strings.Lines(m.more) {
		yaml += "  " + line
	}
	files := map[string]string{"recipe.yaml": yaml, "src/README": "made up\n"}
	for path, body := range m.debian(name) {
		files["debian/"+path] = body
	}
	for path, body := range m.source {
		files["src/"+path] = body
	}
	for path, body := range files {
		mode := fs.FileMode(0o644)
		if path == "debian/rules" {
			mode = 0o755
		}
		b.files[name+"/"+path] = &fstest.MapFile{Data: []byte(body), Mode: mode}
	}
	b.reload()
}

// pack is the shell function «pack PACKAGE [FILE]»: it makes a package of
// debian/PACKAGE/, with /usr/share/PACKAGE in it. «finally SCRIPT» runs when
// debian/rules is done, in the tree's folder. The two programs that it replaces,
// in an overlay that goes with the build, write nothing that pbuild takes.
const pack = `
pack() {
	mkdir -p debian/$1/DEBIAN debian/$1/usr/share
	echo made up >debian/$1/usr/share/$1
	printf 'Package: %s\nVersion: 1-1\nArchitecture: all\nMaintainer: A\nDescription: made up\n' $1 >debian/$1/DEBIAN/control
	dpkg-deb --root-owner-group -b debian/$1 ../${2:-$1_1-1_all.deb}
}
finally() {
	printf '#!/bin/sh\nset -e\n%s\n' "$1" >/usr/bin/dpkg-genbuildinfo
}
finally true
cat >/usr/bin/dpkg-genchanges <<'END'
#!/bin/sh
for a; do case $a in -O*) printf 'Format: 1.8\nSource: made-up\nVersion: 1-1\n' >${a#-O} ;; esac; done
END
`
