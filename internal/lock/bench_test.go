package lock_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/lock"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// bench is a Locker without a Resolver: whoever asked for one would stop the test. Its
// store has the builder debian-12-rpm, its collection the committed builders.
type bench struct {
	t     *testing.T
	files fstest.MapFS
	*lock.Locker
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-rpm"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, files: fstest.MapFS{}, Locker: &lock.Locker{Realizer: &realize.Realizer{Store: s, Arch: testenv.Arch}}}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		left, err := os.ReadDir(filepath.Join(dir, "tmp"))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	recipes := os.DirFS(testenv.Recipes(t))
	names, err := fs.Glob(recipes, "builders/debian-12-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "dependencies.yaml") {
		body, err := fs.ReadFile(recipes, name)
		if err != nil {
			t.Fatal(err)
		}
		b.files[name] = &fstest.MapFile{Data: body}
	}
	return b
}

// put writes files of a recipe, and lets the Locker see them.
func (b *bench) put(name string, files map[string]string) {
	b.t.Helper()
	for file, text := range files {
		b.files[name+"/"+file] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := recipe.LoadCollection(b.files)
	if err != nil {
		b.t.Fatal(err)
	}
	c.Dir = "recipes"
	b.Recipes = c
	b.Images = &builder.Maker{Store: b.Store, Recipes: c, Arch: b.Arch}
}

// lock locks a recipe, and writes its lock.
func (b *bench) lock(name string, update bool) *lock.Result {
	b.t.Helper()
	res, err := b.Lock(b.t.Context(), name, update)
	if err != nil {
		b.t.Fatal(err)
	}
	for file, text := range res.Files() {
		if text == nil {
			delete(b.files, name+"/"+file)
			continue
		}
		b.put(name, map[string]string{file: string(text)})
	}
	return res
}

// repository is one of a source, and its server.
type repository struct {
	*testenv.Repository
	*testenv.GitServer
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := testenv.NewRepository(t)
	return repository{r, testenv.ServeGit(t, r)}
}

// shallow returns a clone that is cut off behind the newest commit.
func (r repository) shallow(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shallow")
	if _, err := testenv.RunGit("/", "", "clone", "-q", "--bare", "--depth=1", "file://"+r.Dir, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// packaging are the files of a source that asks for nothing.
func packaging(name string) map[string]string {
	return map[string]string{
		"debian/control":   "Source: " + name + "\nMaintainer: A Packager <packager@example.org>\n\nPackage: " + name + "\nArchitecture: all\nDescription: made up\n",
		"debian/changelog": name + " (1:2.0-3) bookworm; urgency=medium\n\n  * Made up.\n\n -- A Packager <packager@example.org>  Fri, 15 May 2026 10:00:00 +0000\n",
		"debian/rules":     "100755 #!/usr/bin/make -f\n",
		name + ".spec":     "Name: " + name + "\nVersion: 2.0\nRelease: 3\nSummary: Made up\nLicense: Apache-2.0\n%description\nMade up.\n%files\n%changelog\n* Fri May 15 2026 A Packager <packager@example.org>\n- Made up.\n",
	}
}

// packed is a recipe of both formats whose rpm takes a pack of two parts; URLs and refs
// stand in it as MAIN, ONE and TWO, and REF-ONE and REF-TWO.
const packed = `format: 1
name: packed
summary: Made up
license: Apache-2.0
sources:
  main: {git: "MAIN", ref: main}
  mods:
    pack:
      one: {git: "ONE", ref: REF-ONE}
      two: {git: "TWO", ref: REF-TWO}
rpm:
  builder: debian-12-rpm
  spec: packed.spec
  sources: {mods.tar.gz: mods}
  outputs: [packed]
deb:
  builder: debian-12-deb
  outputs: [packed]
`

func replaced(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}
