package recipe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

func TestFindDebian(t *testing.T) {
	c := fixture(t)
	small, full := load(t, c, "small"), load(t, c, "full")
	in := fstest.MapFS{"packaging/changelog": {Data: []byte("in the source\n")}, "packaging/control": {}, "packaging/rules": {}}
	for _, tc := range []struct {
		name     string
		r        *Recipe
		main     fs.FS
		inSource bool
		want     string
	}{
		{"beside", small, fstest.MapFS{"x.c": {}}, false, "changelog\n"},
		{"beside, other folder", full, fstest.MapFS{"debian/changelog": {}}, false, "changelog\n"},
		{"both", full, in, true, "in the source\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := c.FindDebian(tc.r, tc.main)
			if err != nil {
				t.Fatal(err)
			}
			b, err := fs.ReadFile(d.FS, "changelog")
			if err != nil || string(b) != tc.want || d.InSource != tc.inSource {
				t.Errorf("%q, in source %v, %v", b, d.InSource, err)
			}
		})
	}
}

func TestFindDebianMistakes(t *testing.T) {
	files := func(names ...string) fstest.MapFS {
		m := fstest.MapFS{"full/recipe.yaml": {Data: readFixture(t, "full/recipe.yaml")}}
		for _, n := range names {
			m[n] = &fstest.MapFile{}
		}
		return m
	}
	for _, tc := range []struct {
		name    string
		recipes fstest.MapFS
		main    fstest.MapFS
		want    string
	}{
		{"missing", files(), fstest.MapFS{}, "full/recipe.yaml:11:11: deb.debian: no folder packaging in source main, nor in the recipe's folder"},
		{"file in source", files(), fstest.MapFS{"packaging": {}}, "full/recipe.yaml:11:11: deb.debian: packaging in source main is no folder"},
		{"file beside", files("full/packaging"), fstest.MapFS{}, "recipe full: debian: full/packaging: is no folder"},
		{"no rules", files("full/packaging/changelog", "full/packaging/control"), fstest.MapFS{}, "full/recipe.yaml:11:11: deb.debian: packaging/rules: file does not exist"},
		{"no control in source", files("full/packaging/changelog", "full/packaging/control"), fstest.MapFS{"packaging/changelog": {}}, "full/recipe.yaml:11:11: deb.debian: packaging/control: file does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mapped(t, tc.recipes)
			_, err := c.FindDebian(load(t, c, "full"), tc.main)
			says(t, err, tc.want)
		})
	}
}

// TestFolder: a folder is what it seems: no link, and none on the way.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"small/src/deep", "small/real", "other/src"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"small/link": "real", "small/across": "../other", "small/out": "/etc", "small/src/up": "../.."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"small/recipe.yaml", "other/recipe.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), readFixture(t, "small/recipe.yaml"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, dir)
	r := load(t, c, "small")
	for _, name := range []string{"src", "src/deep"} {
		if _, err := c.Folder(r, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"link":        "small/link: is no folder",
		"across/src":  "small/across: is no folder",
		"out":         "small/out: is no folder",
		"src/up":      "small/src/up: is no folder",
		"recipe.yaml": "small/recipe.yaml: is no folder",
		"../other":    `small: path "../other": leads outside`,
		"/etc":        `small: path "/etc": is absolute: want one inside`,
	} {
		_, err := c.Folder(r, name)
		says(t, err, want)
	}
	if _, err := c.Folder(r, "absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
