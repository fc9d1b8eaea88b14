package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// open returns the collection in dir, as the verbs open it.
func open(t testing.TB, dir string) *Collection {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	c, err := LoadCollection(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixture returns the committed collection of the tests.
func fixture(t testing.TB) *Collection { return open(t, "testdata/collection") }

func load(t testing.TB, c *Collection, name string) *Recipe {
	t.Helper()
	r, err := c.Recipe(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// says fails unless err has exactly this text.
func says(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNames(t *testing.T) {
	if got, want := fixture(t).Names(), []string{"dsc", "full", "gitted", "small", "stamped"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c := mapped(t, fstest.MapFS{
		"pbuild.yaml":             {},
		"a/recipe.yaml":           {},
		"b/other.yaml":            {},
		"builders/recipe.yaml":    {},
		"profiles/recipe.yaml":    {},
		"recipe.yaml":             {},
		"deeper/down/recipe.yaml": {},
	})
	if got, want := c.Names(), []string{"a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c.Bad() != nil {
		t.Errorf("bad: %q", c.Bad())
	}
	_, err := LoadCollection(os.DirFS("testdata/absent"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent folder: %v", err)
	}
}

// TestBadFolders: a folder that can't be a recipe hides no other, and is an error
// for who asks for it.
func TestBadFolders(t *testing.T) {
	dir := t.TempDir()
	good := readFixture(t, "small/recipe.yaml")
	for _, name := range []string{"small", "Bad\x1bName", "no\xffutf8", "x y", "x\nhint: y", "empty_one"} {
		if err := os.Mkdir(dir+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
		if name == "empty_one" {
			continue
		}
		if err := os.WriteFile(dir+"/"+name+"/recipe.yaml", good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, dir)
	c.Dir = "recipes"
	if got, want := c.Names(), []string{"small"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got, want := c.Bad(), []string{"Bad\x1bName", "no\xffutf8", "x\nhint: y", "x y"}; !slices.Equal(got, want) {
		t.Errorf("bad %q, want %q", got, want)
	}
	load(t, c, "small")
	const why = ": want lower case letters and digits, joined by single . or -, at most 64"
	for _, name := range c.Bad() {
		_, err := c.Recipe(name)
		shown := strconv.Quote("recipes/" + name) // of more than a line, or what steers a terminal
		if name == "x y" {
			shown = "recipes/x y"
		}
		says(t, err, fmt.Sprintf("%s: name %q%s", shown, name, why))
	}
	_, err := c.Recipe("empty_one")
	says(t, err, `recipe "empty_one": unknown`)

	closed := mapped(t, denied{fstest.MapFS{"a/recipe.yaml": {}, "b/recipe.yaml": {}}})
	if got := append(closed.Names(), closed.Bad()...); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("names and bad %q", got)
	}
	_, err = closed.Recipe("a")
	says(t, err, "a: permission denied")
}

// denied has a folder "a" that can't be looked into, as by a user without the
// right to; a test that runs as root has every right.
type denied struct{ fstest.MapFS }

func (d denied) Lstat(name string) (fs.FileInfo, error) {
	if strings.HasPrefix(name, "a/") {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Lstat(name)
}

func mapped(t testing.TB, files fs.FS) *Collection {
	t.Helper()
	c, err := LoadCollection(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnknown(t *testing.T) {
	c := fixture(t)
	_, err := c.Recipe("smal")
	says(t, err, `recipe "smal": unknown: did you mean small?`)
	var unknown *UnknownError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Near, []string{"small"}) {
		t.Errorf("%#v", err)
	}
	_, err = c.Recipe("../small")
	says(t, err, `recipe "../small": unknown`)
	_, err = c.Builder("oen")
	says(t, err, `builder "oen": unknown: did you mean one?`)
}

// TestFull compares every field.
func TestFull(t *testing.T) {
	at := func(line, column int) yamldoc.Position {
		return yamldoc.Position{File: "full/recipe.yaml", Line: line, Column: column}
	}
	want := &Recipe{
		Name: "full", Folder: "full", File: "full/recipe.yaml", Summary: "A colon: and a #",
		License: "(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0",
		Sources: map[string]Source{"main": Path{"code"}},
		Deb: &Deb{Debian: "packaging", Build: Build{
			Builder: "two", Debug: true,
			Outputs: []string{"libfull1", "full", "full-doc"},
			Require: map[string][]string{
				"full":     {"/usr/bin/full", "/usr/share/full/a b"},
				"libfull1": {"/usr/lib/x86_64-linux-gnu/libfull.so.1"},
			},
			Env: map[string]string{
				"PBR_VERSION": "8.0.0", "DEB_BUILD_OPTIONS": "nocheck parallel=2", "EMPTY": "",
				"STRANGE": "é\t\"quoted\" $(id) %{lua:x} \\\nsecond line",
			},
			Modes: map[string]string{"packaging/rules": "0755", "a file": "0600"},
			at:    positions{builder: at(10, 12), source: at(11, 11)},
		}},
	}
	if d := cmp.Diff(want, load(t, fixture(t), "full"), exported, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

var exported = cmp.Options{cmp.AllowUnexported(Build{}, positions{}, Builder{}), cmpopts.IgnoreUnexported(Recipe{})}

func TestDscAndDefaults(t *testing.T) {
	c := fixture(t)
	sum, _ := digest.ParseHex("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	want := &Recipe{
		Name: "dsc", Folder: "dsc", File: "dsc/recipe.yaml", Summary: "A Debian source package", License: "GPL-2.0-or-later",
		Sources: map[string]Source{"main": Dsc{"pool/main/libx/libxyz+/libxyz+_2.10~rc1-1.1.dsc", sum}},
		Lock:    &Lock{Sources: map[string]Locked{"main": {Version: "3:2.10~rc1-1.1", Epoch: 1672326529}}, Deb: &BuildLock{}},
		Deb:     &Deb{Debian: "debian", Build: Build{Builder: "one", Outputs: []string{"libxyz1"}}},
	}
	if d := cmp.Diff(want, load(t, c, "dsc"), cmpopts.IgnoreUnexported(Build{}, Recipe{}), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	small := load(t, c, "small")
	if small.Lock != nil || small.Deb.Debian != "debian" || small.Deb.Debug {
		t.Errorf("%+v %+v", small, small.Deb)
	}
}

// TestFiles: what stands in the place of a file.
func TestFiles(t *testing.T) {
	good := readFixture(t, "small/recipe.yaml")
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"folder", fstest.MapFS{"x/recipe.yaml/y": {}}, "recipes/x/recipe.yaml: is no regular file"},
		{"pipe", fstest.MapFS{"x/recipe.yaml": {Mode: fs.ModeNamedPipe}}, "recipes/x/recipe.yaml: is no regular file"},
		{"large", fstest.MapFS{"x/recipe.yaml": {Data: make([]byte, yamldoc.MaxSize+1)}}, "recipes/x/recipe.yaml: 262145 bytes: more than 262144"},
		{"empty", fstest.MapFS{"x/recipe.yaml": {}}, "recipes/x/recipe.yaml:1:1: is empty"},
		{"list", fstest.MapFS{"x/recipe.yaml": {Data: []byte("- x\n")}}, "recipes/x/recipe.yaml:1:1: want a mapping, have a list"},
		{"name", fstest.MapFS{"x/recipe.yaml": {Data: good}}, `recipes/x/recipe.yaml:2:7: name: "small": the folder says "x"`},
		{"lock", fstest.MapFS{"small/recipe.yaml": {Data: good}, "small/recipe.lock": {Data: []byte("format: 2\n")}}, "recipes/small/recipe.lock:1:9: format: 2: newer than this pbuild, which reads 1"},
		{"lock folder", fstest.MapFS{"small/recipe.yaml": {Data: good}, "small/recipe.lock/x": {}}, "recipes/small/recipe.lock: is no regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			collection := mapped(t, c.files)
			collection.Dir = "recipes"
			r, err := collection.Recipe(collection.Names()[0])
			says(t, err, c.want)
			if r != nil {
				t.Error("a recipe nevertheless")
			}
		})
	}
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/collection/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLinkOut: a link out of the collection is not followed.
func TestLinkOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/recipes/small", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/canary", readFixture(t, "small/recipe.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../canary", dir+"/recipes/small/recipe.yaml"); err != nil {
		t.Fatal(err)
	}
	if _, err := mapped(t, os.DirFS(dir+"/recipes")).Recipe("small"); err != nil {
		t.Fatalf("control: the link works without the defence: %v", err)
	}
	root, err := os.OpenRoot(dir + "/recipes")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	c, err := LoadCollection(root.FS())
	if err != nil || !slices.Equal(c.Names(), []string{"small"}) {
		t.Fatalf("listed %q, %v", c.Names(), err)
	}
	_, err = c.Recipe("small")
	says(t, err, "small/recipe.yaml: path escapes from parent")
	// A link that leads nowhere is no reason to say that there is no recipe.
	if err := errors.Join(os.Remove(dir+"/recipes/small/recipe.yaml"), os.Symlink("nowhere", dir+"/recipes/small/recipe.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err = open(t, dir+"/recipes").Recipe("small")
	says(t, err, "small/recipe.yaml: no such file or directory")
}
