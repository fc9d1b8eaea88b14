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
)

// golden is what came of the committed recipes when they were reviewed.
func golden(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for part := range strings.SplitSeq(string(text), "\n\n") {
		name, _, _ := strings.Cut(part, " ")
		out[name] = strings.TrimSuffix(part, "\n") + "\n"
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

// TestGolden: the committed recipes give these bytes, in whatever store, under
// whatever umask.
func TestGolden(t *testing.T) {
	want := golden(t)
	for _, name := range []string{"hello", "tree"} {
		if want[name] == "" {
			t.Errorf("testdata/golden.txt: nothing of %s", name)
		}
	}
	build := func(t *testing.T, b *bench) {
		b.Jobs = 2
		for _, state := range []event.State{event.Built, event.Cached} {
			results, err := b.try("hello", "tree")
			if err != nil {
				t.Fatalf("%v\n%s", err, b.log())
			}
			for _, r := range results {
				if got := summary(r); got != want[r.Recipe.Name] || r.State != state {
					t.Errorf("%s: got:\n%s\nwant:\n%s", r.State, got, want[r.Recipe.Name])
				}
			}
		}
		b.clean()
	}
	t.Run("one", func(t *testing.T) { build(t, newBench(t)) })
	t.Run("another", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "store")
		if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
			t.Fatal(err)
		}
		defer syscall.Umask(syscall.Umask(0o077))
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		build(t, openBench(t, dir))
	})
}
