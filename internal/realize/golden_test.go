package realize_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// golden is what came of the committed recipes when they were reviewed, by target.
func golden(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		words := strings.SplitN(part, " ", 3)
		out[words[0]+" "+words[1]] = strings.TrimSuffix(part, "\n") + "\n"
	}
	return out
}

// summary prints all digests of a result.
func summary(r realize.Result) string {
	real := r.Realization
	s := fmt.Sprintf("%s %s %s %s\n", real.Recipe, real.Format, real.Arch, real.Version)
	for line := range strings.Lines(string(r.Text)) {
		s += "\t| " + line
	}
	s += fmt.Sprintf("\tkey %s\n\tbuilder %s\n\tartifact %s\n\toutput %s\n", real.Key, real.Builder, real.Manifest, real.Output)
	for _, f := range real.Files {
		s += fmt.Sprintf("\tfile %s %s %d\n\t\t%s %s %s\n\t\toutput %s\n", f.Name, f.Digest, f.Size, f.Package, f.Version, f.Arch, f.Output)
	}
	return s
}

// goldenTargets are all that the committed recipes make; fuel-agent of its stand-in.
var goldenTargets = []string{"hello deb", "hello rpm", "tree deb", "fuel-agent deb", "fuel-agent rpm"}

// standIns makes the bench take what the committed set has in the place of sources
// that are far away, and spares it fetching the packages that these builds add.
func (b *bench) standIns() {
	b.t.Helper()
	const name = "stand-ins.set.yaml"
	set, err := recipe.ParseSet(name, b.files[name].Data)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Given = map[recipe.SourceName]realize.Given{}
	for of, src := range set.Sources {
		b.Given[of] = realize.Given{Where: name, Source: src}
		rec, err := b.Recipes.Recipe(of.Recipe)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, f := range rec.Formats() {
			packages, err := b.Recipes.ExtraPackages(rec, f)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, p := range packages {
				if _, err := b.store.PutBytes(testenv.Fetched(b.t, p)); err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
}

// TestGolden: the committed recipes give these bytes, in whatever store, under
// whatever umask.
func TestGolden(t *testing.T) {
	want := golden(t)
	for _, name := range goldenTargets {
		if want[name] == "" {
			t.Errorf("testdata/golden.txt: nothing of %s", name)
		}
	}
	build := func(t *testing.T, b *bench, targets []string) {
		b.Jobs = 2
		b.standIns()
		for _, state := range []event.State{event.Built, event.Cached} {
			results, err := b.try(targets...)
			if err != nil {
				t.Fatalf("%v\n%s", err, b.log())
			}
			for i, r := range results {
				if got := summary(r); got != want[targets[i]] || r.State != state {
					t.Errorf("%s: got:\n%s\nwant:\n%s", r.State, got, want[targets[i]])
				}
			}
		}
		b.clean()
	}
	t.Run("one", func(t *testing.T) { build(t, newBench(t), goldenTargets) })
	t.Run("another", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "store")
		if err := testenv.FillStore(dir, "debian-12-deb", "debian-12-rpm"); err != nil {
			t.Fatal(err)
		}
		defer syscall.Umask(syscall.Umask(0o077))
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		build(t, openBench(t, dir), goldenTargets[:3]) // the others take half a minute
	})
}
