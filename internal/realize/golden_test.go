package realize_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// update takes the place of the comparison. Tests that root starts run as another user,
// in a copy: it names a file then that everybody may write to.
var update = flag.String("update", "", "write testdata/golden.txt anew, as this file")

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
		if of.Source != recipe.Main {
			continue
		}
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

// TestGolden: all committed recipes, those whose sources are far away of their
// stand-ins, give these bytes: in whatever store, under whatever umask, whoever runs it.
func TestGolden(t *testing.T) {
	// Not parallel: the umask is the process's.
	defer syscall.Umask(syscall.Umask(0o077))
	want := golden(t)
	b := newBench(t)
	b.Jobs = 2
	b.standIns()
	targets, err := b.Targets(nil, true, "")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, state := range []event.State{event.Built, event.Cached} {
		p, err := b.Plan(t.Context(), targets)
		if err != nil {
			t.Fatal(err)
		}
		results, err := b.Realize(t.Context(), p)
		if err != nil {
			t.Fatalf("%v\n%s", err, b.log())
		}
		for _, r := range results {
			name, got := r.Recipe.Name+" "+string(r.Format), summary(r)
			if r.State != state {
				t.Errorf("%s: %s, want %s", name, r.State, state)
			}
			if state == event.Cached {
				all = append(all, got)
				delete(want, name)
			} else if got != want[name] && *update == "" {
				t.Errorf("%s: got:\n%s\nwant:\n%s", name, got, want[name])
			}
		}
	}
	b.clean()
	if *update != "" {
		slices.Sort(all)
		if err := os.WriteFile(*update, []byte(strings.Join(all, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for name := range want {
		t.Errorf("testdata/golden.txt: no recipe makes %s", name)
	}
}
