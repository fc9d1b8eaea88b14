package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tinyPlace is a collection of recipes k0, k1 and so on, each of which is built in
// a fifth of a second, and a store with their builder's image.
type tinyPlace struct {
	t          testing.TB
	store, dir string
	n          int
}

func newTinyPlace(t testing.TB, n int) *tinyPlace {
	t.Helper()
	store := newStore(t, "debian-12-rpm")
	p := &tinyPlace{t, store, t.TempDir(), n}
	if err := errors.Join(reachable(p.dir), os.CopyFS(filepath.Join(p.dir, "recipes/builders"), os.DirFS("../../recipes/builders"))); err != nil {
		t.Fatal(err)
	}
	p.write("recipes/pbuild.yaml", "")
	for i := range n {
		name := fmt.Sprintf("k%d", i)
		p.write("recipes/"+name+"/recipe.yaml", strings.ReplaceAll(tinyRecipe, "NAME", name))
		p.write("recipes/"+name+"/k.spec", strings.ReplaceAll(tinySpec, "NAME", name))
		p.salt(name, "0")
	}
	return p
}

const tinyRecipe = `format: 1
name: NAME
summary: Tiny
license: Apache-2.0
sources: {main: {path: src}}
rpm: {builder: debian-12-rpm, spec: k.spec, source0: {name: NAME, layout: prefixed}, outputs: [NAME]}
`

const tinySpec = `Name: NAME
Version: 1.0
Release: 1
Summary: Tiny
License: Apache-2.0
Source0: %{name}-%{version}.tar.gz
BuildArch: noarch

%description
Tiny.

%prep
%setup -q

%install
install -D -m 0644 salt %{buildroot}/usr/share/NAME

%files
/usr/share/NAME

%changelog
* Sun Nov 01 2026 A Packager <packager@example.org> - 1.0-1
- Tiny.
`

// salt gives a recipe another source, and so another key.
func (p *tinyPlace) salt(name, salt string) { p.write("recipes/"+name+"/src/salt", salt+"\n") }

func (p *tinyPlace) write(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		p.t.Fatal(err)
	}
}

// command returns a program in the place.
func (p *tinyPlace) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), "PBUILD_STORE="+p.store, "HOME="+p.dir, "GORACE="+noRaceSleep)
	return c
}

// ran is what a program did.
type ran struct {
	args           []string
	code           int
	stdout, stderr string
}

func (r ran) String() string {
	return fmt.Sprintf("%q: exit code %d\n%s%s", r.args, r.code, r.stdout, r.stderr)
}

func (p *tinyPlace) run(program string, args ...string) ran {
	p.t.Helper()
	var out, said bytes.Buffer
	c := p.command(program, args...)
	c.Stdout, c.Stderr = &out, &said
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return ran{args, c.ProcessState.ExitCode(), out.String(), said.String()}
}

// ok runs pbuild, which must end well.
func (p *tinyPlace) ok(args ...string) ran {
	p.t.Helper()
	r := p.run("pbuild", args...)
	if r.code != exitDone {
		p.t.Fatal(r)
	}
	return r
}

// stored returns what the store lists.
func (p *tinyPlace) stored() (all []stored) {
	p.t.Helper()
	for line := range strings.Lines(p.ok("store", "ls", "--json").stdout) {
		var r stored
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// names lists a directory of the store.
func (p *tinyPlace) names(dir string) (names []string) {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.store, dir))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
