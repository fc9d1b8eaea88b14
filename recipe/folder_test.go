package recipe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// findDebian looks where realize looks.
func findDebian(c *Collection, r *Recipe, main fs.FS) (fs.FS, error) {
	folder, err := c.Debian(r)
	if err != nil {
		return nil, err
	}
	if folder == nil {
		return r.DebianIn(main)
	}
	return folder, r.CheckDebian(folder)
}

func TestDebian(t *testing.T) {
	c := fixture(t)
	in := fstest.MapFS{"packaging/changelog": {Data: []byte("in the source\n")}, "packaging/control": {}, "packaging/rules": {}}
	bare := mapped(t, fstest.MapFS{"full/recipe.yaml": {Data: readFixture(t, "full/recipe.yaml")}})
	for _, tc := range []struct {
		name, recipe string
		c            *Collection
		main         fs.FS
		want         string
	}{
		{"beside", "small", c, fstest.MapFS{"x.c": {}}, "changelog\n"},
		{"beside, other folder", "full", c, fstest.MapFS{"debian/changelog": {}}, "changelog\n"},
		{"both: the recipe's counts", "full", c, in, "changelog\n"},
		{"in the source", "full", bare, in, "in the source\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := findDebian(tc.c, load(t, tc.c, tc.recipe), tc.main)
			if err != nil {
				t.Fatal(err)
			}
			b, err := fs.ReadFile(d, "changelog")
			if err != nil || string(b) != tc.want {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

func TestDebianMistakes(t *testing.T) {
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
		{"missing", files(), fstest.MapFS{}, "full/recipe.yaml:11:11: deb.debian: no folder packaging in the recipe's folder, nor in source main"},
		{"file in source", files(), fstest.MapFS{"packaging": {}}, "full/recipe.yaml:11:11: deb.debian: packaging in source main is no folder"},
		{"file beside", files("full/packaging"), fstest.MapFS{}, "recipe full: debian: full/packaging: is no folder"},
		{"no rules", files("full/packaging/changelog", "full/packaging/control"), fstest.MapFS{}, "full/recipe.yaml:11:11: deb.debian: packaging/rules: file does not exist"},
		{"no control in source", files(), fstest.MapFS{"packaging/changelog": {}}, "full/recipe.yaml:11:11: deb.debian: packaging/control: file does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mapped(t, tc.recipes)
			_, err := findDebian(c, load(t, c, "full"), tc.main)
			says(t, err, tc.want)
		})
	}
}

// findSpec looks where realize looks.
func findSpec(c *Collection, r *Recipe, main fs.FS) ([]byte, error) {
	text, err := c.Spec(r)
	if text == nil && err == nil {
		text, err = r.SpecIn(main)
	}
	return text, err
}

func TestSpec(t *testing.T) {
	yaml, lock := readFixture(t, "gitted/recipe.yaml"), readFixture(t, "gitted/recipe.lock")
	for _, tc := range []struct {
		name    string
		recipes fstest.MapFS
		main    fstest.MapFS
		want    string // the text, or the error
	}{
		{"beside", fstest.MapFS{"gitted/specs/gitted.spec": {Data: []byte("beside")}}, fstest.MapFS{"specs/gitted.spec": {Data: []byte("inside")}}, "beside"},
		{"inside", fstest.MapFS{}, fstest.MapFS{"specs/gitted.spec": {Data: []byte("inside")}}, "inside"},
		{"folder elsewhere", fstest.MapFS{"gitted/specs/other.spec": {}}, fstest.MapFS{"specs/gitted.spec": {Data: []byte("inside")}}, "inside"},
		{"missing", fstest.MapFS{}, fstest.MapFS{}, "gitted/recipe.yaml:16:9: rpm.spec: no file specs/gitted.spec in the recipe's folder, nor in source main"},
		{"folder", fstest.MapFS{"gitted/specs/gitted.spec/x": {}}, fstest.MapFS{}, "gitted/recipe.yaml:16:9: rpm.spec: specs/gitted.spec: is no regular file"},
		{"link", fstest.MapFS{}, fstest.MapFS{"specs/gitted.spec": {Mode: fs.ModeSymlink, Data: []byte("/etc/passwd")}}, "gitted/recipe.yaml:16:9: rpm.spec: specs/gitted.spec in source main: is no regular file"},
		{"large", fstest.MapFS{"gitted/specs/gitted.spec": {Data: make([]byte, maxSpec+1)}}, fstest.MapFS{}, "gitted/recipe.yaml:16:9: rpm.spec: specs/gitted.spec: 4194305 bytes: more than 4194304"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.recipes["gitted/recipe.yaml"] = &fstest.MapFile{Data: yaml}
			tc.recipes["gitted/recipe.lock"] = &fstest.MapFile{Data: lock}
			for _, name := range []string{"shared", "more"} {
				file := "profiles/" + name + ".yaml"
				tc.recipes[file] = &fstest.MapFile{Data: readFixture(t, file)}
			}
			c := mapped(t, tc.recipes)
			text, err := findSpec(c, load(t, c, "gitted"), tc.main)
			if err != nil {
				says(t, err, tc.want)
			} else if string(text) != tc.want {
				t.Errorf("%q", text)
			}
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
