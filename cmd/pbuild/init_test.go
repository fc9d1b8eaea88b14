package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/recipe"
	start "github.com/fuel-infra/pbuild/recipes"
)

// TestStart: what is embedded is what is committed, all of hello, and complete:
// the builders of hello with their locks.
func TestStart(t *testing.T) {
	embedded := map[string]bool{}
	err := fs.WalkDir(start.Start, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		embedded[name] = true
		got, err := start.Start.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := os.Stat("../../recipes/" + name)
		if err != nil {
			return err
		}
		want, err := os.ReadFile("../../recipes/" + name)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: another one is committed", name)
		}
		if executable := info.Mode()&0o111 != 0; executable != bytes.HasPrefix(got, []byte("#!")) {
			t.Errorf("%s: executable %v", name, executable)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(os.DirFS("../../recipes"), "hello", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !embedded[name] {
			t.Errorf("%s: not embedded", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := recipe.LoadCollection(start.Start)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Recipe("hello")
	if err != nil {
		t.Fatal(err)
	}
	var chain []*recipe.Builder
	for _, f := range r.Formats() {
		one, err := c.ChainOf(r, f)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, one...)
	}
	for _, b := range chain {
		if _, err := c.Packages(b); err != nil {
			t.Error(err)
		}
		if _, err := c.Files(b); err != nil {
			t.Error(err)
		}
	}
}

// TestInitMaintainer: nothing in debian/ names our maintainer any more.
func TestInitMaintainer(t *testing.T) {
	dir := t.TempDir()
	if err := initCollection(dir, start.Start, "Me <me@example.org>"); err != nil {
		t.Fatal(err)
	}
	debian := filepath.Join(dir, "recipes/hello/debian")
	for name, want := range map[string]int{"control": 1, "changelog": 2, "copyright": 1} {
		text, err := os.ReadFile(filepath.Join(debian, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(text), "Me <me@example.org>"); got != want || strings.Contains(string(text), "pbuild@example.org") {
			t.Errorf("%s: %d times:\n%s", name, got, text)
		}
	}
}

// TestInitFails: an error on the way leaves what was there, and nothing else.
func TestInitFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kept"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	long := "hello/" + strings.Repeat("x", 256)
	err := initCollection(dir, fstest.MapFS{"a/b": {Data: []byte("first")}, long: {}}, "")
	if !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{filepath.Join(dir, "kept")}, left); d != "" {
		t.Errorf("left (-want +got)\n%s", d)
	}
}

func TestMaintainer(t *testing.T) {
	for _, c := range []struct{ name, mail, want string }{
		{"", "", "A Packager <packager@example.org>"},
		{"Zoë", "", "A Packager <packager@example.org>"},
		{"", "zoe@example.org", "A Packager <packager@example.org>"},
		{"Zoë O'Neill", "zoe@example.org", "Zoë O'Neill <zoe@example.org>"},
		{"Zoë\n .", "zoe@example.org", ""},
		{"Zoë <x>", "zoe@example.org", ""},
		{"Zoë", "zoe@example.org>\nx", ""},
		{"Zoë", "zoe example", ""},
	} {
		got, err := maintainer(func(name string) string {
			return map[string]string{"DEBFULLNAME": c.name, "DEBEMAIL": c.mail}[name]
		})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q %q: %q, %v", c.name, c.mail, got, err)
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"a/b-c_d.e+f9": "a/b-c_d.e+f9",
		"größe":        "größe",
		"a b":          "'a b'",
		"it's":         `'it'\''s'`,
		"$(x)":         "'$(x)'",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
