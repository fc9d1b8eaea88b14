package realize_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestNeedsShell: who looks at a build, or at one that failed, sees what it needs,
// which is built first.
func TestNeedsShell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.KeepFailed = true
	see := func(program sandbox.Spec) error {
		var out bytes.Buffer
		program.Argv, program.Stdout = []string{"cat", "/usr/share/ns-base"}, &out
		if program.Scratch == "" {
			t.Error("no room")
		}
		if err := sandbox.Run(t.Context(), program); err != nil || out.String() != "made up\n" {
			t.Errorf("sees %q, %v", &out, err)
		}
		return nil
	}
	base := needing("")
	for _, text := range []string{"first", "second"} {
		base.folder = map[string]string{"src/" + text: ""}
		base.scripts = "%install\nmkdir -p %{buildroot}/usr/share\necho made up >%{buildroot}/usr/share/ns-base\n: " + text + "\n"
		b.writeRPM("ns-base", base)
		top := needing("ns-base")
		top.scripts = "%install\ncat /usr/share/ns-base\nexit 4 # " + text + "\n"
		b.writeRPM("ns-top", top)
		n := b.node("ns-top rpm")
		if !n.Key.IsZero() {
			t.Errorf("key %s", n.Key)
		}
		entered := 0
		look := func(program sandbox.Spec) error { entered++; return see(program) }
		failed := func(program sandbox.Spec, kept string) error {
			if filepath.Base(kept) != n.Key.Hex() || !strings.Contains(strings.Join(program.Argv, " "), "rpmbuild -bb") {
				t.Errorf("kept in %s, ran %q", kept, program.Argv)
			}
			return look(program)
		}
		if text == "first" {
			if err := b.Shell(t.Context(), n, look); err != nil {
				t.Errorf("%v\n%s", err, b.log())
			}
		}
		if err := b.ShellFailed(t.Context(), n, failed); err != nil {
			t.Errorf("%v\n%s", err, b.log())
		}
		if err := b.ShellFailed(t.Context(), b.node("ns-top rpm"), failed); err != nil {
			t.Error(err)
		}
		if want := map[string]int{"first": 3, "second": 2}[text]; entered != want {
			t.Errorf("%s: entered %d times", text, entered)
		}
		if got, err := os.ReadDir(filepath.Join(b.store.Dir(), "failed", n.Key.Hex())); err != nil || len(got) == 0 {
			t.Errorf("kept: %v", err)
		}
	}
	bad := needing("")
	bad.scripts = "%install\nexit 5\n"
	b.writeRPM("ns-base", bad)
	n := b.node("ns-top rpm")
	err := b.ShellFailed(t.Context(), n, func(sandbox.Spec, string) error { t.Error("entered"); return nil })
	if !errors.Is(err, realize.ErrNeedFailed) || !strings.HasPrefix(err.Error(), "ns-base: rpm: %install exited 1: ") {
		t.Errorf("got %v", err)
	}
	if err := b.Shell(t.Context(), n, func(sandbox.Spec) error { t.Error("entered"); return nil }); err == nil || !strings.HasPrefix(err.Error(), "ns-base: rpm: %install exited 1: ") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.store.Dir(), "failed", digest.Key{}.Hex())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is kept of no key: %v", err)
	}
}

// TestNeedsDamaged: a needed package that is damaged is built again in the run whose
// build wants it.
func TestNeedsDamaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("nd-base", madeRPM{ // of large blobs the database has no copy
		source:  map[string]string{"large": large()},
		scripts: "%prep\n%setup -q\n%install\nmkdir -p %{buildroot}/usr/share\ncp large %{buildroot}/usr/share/nd-base\n",
	})
	b.writeRPM("nd-top", needing("nd-base"))
	results, err := b.try("nd-top rpm")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	damaged := b.of(results, "nd-base rpm").Realization.Files[0].Digest
	if err := flip(b.store, damaged); err != nil {
		t.Fatal(err)
	}
	b.files["nd-top/src/more"] = &fstest.MapFile{Data: []byte("x\n")}
	b.reload()
	results, err = b.try("nd-top rpm")
	if err != nil || b.of(results, "nd-base rpm").State != event.Built || b.of(results, "nd-top rpm").State != event.Built {
		t.Fatalf("%v\n%s", err, b.log())
	}
	if got := b.of(results, "nd-base rpm").Realization.Files[0].Digest; got != damaged {
		t.Errorf("built again: %s, was %s", got, damaged)
	}
}
