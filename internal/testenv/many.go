package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// WriteMany makes dir a collection of n recipes, r0000 and so on, that are as
// large as people write them: a lock, a source in a folder with three files, and
// debian/. Their builder is locked to an image that nobody has.
func WriteMany(dir string, n int) error {
	files := map[string]string{"pbuild.yaml": ""}
	for name, text := range SmallBuilder {
		files["builders/small."+name] = text
	}
	for i := range n {
		name := fmt.Sprintf("r%04d", i)
		for file, text := range manyRecipe {
			files[name+"/"+file] = strings.ReplaceAll(text, "NAME", name)
		}
		files[name+"/src/main.c"] = fmt.Sprintf("int main(void) { return %d; }\n", i) + strings.Repeat("/* made up */\n", 200)
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// SmallBuilder are the files of a builder, by what follows its name, which is locked to
// an image that nobody has.
var SmallBuilder = map[string]string{
	"yaml": "format: 1\nname: small\nsummary: A builder that nobody makes\nsuite: bookworm\npackages: [make]\n",
	"lock": `format: 1
suite: "bookworm"
release:
  date: "2026-05-16T09:58:00Z"
  inrelease: sha256:dbc1ddecd893ea830f238581650d07263d747989552a63f212637513202fe98c
builder: sha256:df6b07176a9b17cc4c9afc257bd404732e7d09b76436c7890f7b7be14e579794
size: 4000000
packages: sha256:ea1fd5774d8e3ed2ae88a8fb02d6b818c1838589cd6fd475bddaa6036bc3ad3a
`,
	"packages": "make\t4.3-4.1\tamd64\t1111111111111111111111111111111111111111111111111111111111111111\t396400\tpool/main/m/make-dfsg/make_4.3-4.1_amd64.deb\n",
}

var manyRecipe = map[string]string{
	"recipe.yaml": `format: 1
name: NAME
summary: Made up
license: Apache-2.0
sources: {main: {path: src}}
deb:
  builder: small
  debian: debian
  env: {DEB_BUILD_OPTIONS: nocheck}
  outputs: [NAME, NAME-doc]
  require: {NAME: [/usr/bin/NAME]}
`,
	"recipe.lock": "# Made by pbuild lock; review, don't edit.\nformat: 1\ndeb:\n  depends:\n    - \"debhelper-compat (= 13)\"\n    - \"pkg-config\"\n",
	"src/Makefile": `PREFIX = /usr
all: NAME
NAME: main.c
	$(CC) $(CFLAGS) -o $@ $<
install:
	install -D NAME $(DESTDIR)$(PREFIX)/bin/NAME
`,
	"src/README":       "NAME is made up.\n",
	"debian/changelog": "NAME (1.0-1) bookworm; urgency=medium\n\n  * First.\n\n -- A Packager <packager@example.org>  Fri, 15 May 2026 10:00:00 +0000\n",
	"debian/control": `Source: NAME
Section: devel
Priority: optional
Maintainer: A Packager <packager@example.org>
Build-Depends: debhelper-compat (= 13), pkg-config
Standards-Version: 4.6.2
Rules-Requires-Root: no

Package: NAME
Architecture: any
Depends: ${misc:Depends}, ${shlibs:Depends}
Description: made up
 It does nothing.

Package: NAME-doc
Architecture: all
Depends: ${misc:Depends}
Description: made up, documentation
 It says nothing.
`,
	"debian/copyright": "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: nobody\nLicense: Apache-2.0\n",
	"debian/rules":     "#!/usr/bin/make -f\n%:\n\tdh $@\n",
}
