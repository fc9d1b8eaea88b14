package realize_test

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// bench is what a Realizer needs: a store, and a collection that the test
// writes, with the committed builders. Tests with recipes of different names may
// share a store.
type bench struct {
	t     testing.TB
	store *store.Store
	files fstest.MapFS
	*realize.Realizer

	mu     sync.Mutex // guards events
	events []event.Event
	watch  func(event.Event) // sees each event; nil for nobody
}

// common is a store with the images of debian-12-deb and debian-12-rpm, for tests
// that need no other.
var common = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "common-") // goes with the test run
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "store")
	return dir, testenv.FillStore(dir, "debian-12-deb", "debian-12-rpm")
})

// newBench returns a bench with the common store.
func newBench(t testing.TB) *bench {
	t.Helper()
	dir, err := common()
	if err != nil {
		t.Fatal(err)
	}
	return openBench(t, dir)
}

// openBench returns a bench with the store in dir and the committed collection.
func openBench(t testing.TB, dir string) *bench {
	t.Helper()
	b := &bench{t: t, files: fstest.MapFS{}}
	recipes := os.DirFS(testenv.Recipes(t))
	err := fs.WalkDir(recipes, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(recipes, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		b.files[name] = &fstest.MapFile{Data: body, Mode: info.Mode()}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if b.store, err = store.Open(dir); err != nil {
		t.Fatal(err)
	}
	mirrors, err := testenv.Mirrors()
	if err != nil {
		t.Fatal(err)
	}
	client := fetch.New(b.store, mirrors)
	t.Cleanup(func() {
		client.Close()
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.Realizer = &realize.Realizer{Store: b.store, Fetch: client, Arch: testenv.Arch, Events: b.sink, Jobs: 1}
	b.reload()
	return b
}

// reload makes the Realizer see the collection as it is now.
func (b *bench) reload() {
	b.t.Helper()
	c, err := recipe.LoadCollection(b.files)
	if err != nil {
		b.t.Fatal(err)
	}
	c.Dir = "recipes"
	b.Recipes = c
	b.Images = &builder.Maker{Store: b.store, Fetch: b.Fetch, Recipes: c, Arch: b.Arch, Events: b.sink}
}

func (b *bench) sink(e event.Event) {
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	if b.watch != nil {
		b.watch(e)
	}
}

// target is a recipe's: «NAME», or «NAME rpm».
func target(name string) realize.Target {
	name, format, _ := strings.Cut(name, " ")
	return realize.Target{Name: name, Format: cmp.Or(recipe.Format(format), recipe.FormatDeb)}
}

// states returns what the target came through, each change once, and forgets.
func (b *bench) states(name string) []event.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []event.State
	of := target(name)
	for _, e := range b.events {
		if e.Node == (event.Node{Name: of.Name, Format: string(of.Format)}) {
			out = append(out, e.State)
		}
	}
	b.events = nil
	return slices.Compact(out)
}

// node closes a target.
func (b *bench) node(name string) *realize.Node {
	b.t.Helper()
	n, err := b.Node(b.t.Context(), target(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// plan plans targets.
func (b *bench) plan(names ...string) (*realize.Plan, error) {
	b.t.Helper()
	var targets []realize.Target
	for _, name := range names {
		targets = append(targets, target(name))
	}
	return b.Plan(b.t.Context(), targets)
}

// try plans and realizes targets.
func (b *bench) try(names ...string) ([]realize.Result, error) {
	b.t.Helper()
	p, err := b.plan(names...)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Realize(b.t.Context(), p)
}

// of returns what became of a target.
func (b *bench) of(results []realize.Result, name string) realize.Result {
	b.t.Helper()
	i := slices.IndexFunc(results, func(r realize.Result) bool {
		return target(name) == realize.Target{Name: r.Recipe.Name, Format: r.Format}
	})
	if i < 0 {
		b.t.Fatalf("no result of %s", name)
	}
	return results[i]
}

// realize wants a target to become this.
func (b *bench) realize(name string, want event.State) realize.Result {
	b.t.Helper()
	results, err := b.try(name)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.log())
	}
	r := b.of(results, name)
	if r.State != want {
		b.t.Fatalf("%s: %s, want %s", name, r.State, want)
	}
	return r
}

// log returns the log's end of what failed last.
func (b *bench) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Backward(b.events) {
		if e.State == event.Failed {
			return strings.Join(e.Log.Lines, "\n")
		}
	}
	return ""
}

// nothing wants no trace of the target but, perhaps, a failed log.
func (b *bench) nothing(name string) {
	b.t.Helper()
	if r, err := b.store.Lookup(b.node(name).Key); err == nil {
		b.t.Errorf("%s is recorded: %+v", name, r)
	}
	of := target(name)
	if d, err := b.store.Root(of.Name + "-" + string(of.Format)); err == nil {
		b.t.Errorf("%s has a root: %s", name, d.Digest)
	}
}

// clean wants a store that verifies, and nothing left in the making.
func (b *bench) clean() {
	b.t.Helper()
	report, err := b.store.Verify(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range report.Problems {
		b.t.Errorf("verify: %s: %s", p.Path, p.What)
	}
	for _, dir := range []string{"tmp", "quarantine"} {
		left, err := os.ReadDir(filepath.Join(b.store.Dir(), dir))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range left {
			b.t.Errorf("left in %s: %s", dir, e.Name())
		}
	}
}
