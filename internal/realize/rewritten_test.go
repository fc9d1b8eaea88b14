package realize_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/testenv"
)

// TestRewrittenOutput: who has got hold of a package's file while it was built, by a
// descriptor or by another name, can't change what was recorded: that is a copy.
func TestRewrittenOutput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
		t.Fatal(err)
	}
	b := openBench(t, dir)
	b.write("rewritten", made{script: "pack rewritten\necho now\nwhile [ ! -e ../go ]; do sleep 0.02; done\n"})
	var held *os.File
	second := filepath.Join(t.TempDir(), "second")
	b.watch = func(e event.Event) {
		if e.State != event.Building || e.Step != "now" {
			return
		}
		debs, err := filepath.Glob(b.store.Dir() + "/tmp/build-rewritten*/build/rewritten_1-1_all.deb")
		if err != nil || len(debs) != 1 {
			t.Errorf("%q, %v", debs, err)
			return
		}
		// Nobody else than the owner comes so far.
		for dir := filepath.Dir(debs[0]); dir != filepath.Join(b.store.Dir(), "tmp"); dir = filepath.Dir(dir) {
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v, %v", dir, info.Mode(), err)
			}
		}
		if held, err = os.OpenFile(debs[0], os.O_RDWR, 0); err != nil {
			t.Error(err)
		}
		if err := os.Link(debs[0], second); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(filepath.Join(filepath.Dir(debs[0]), "go"), nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	file := b.realize("rewritten", event.Built).Realization.Files[0]
	if held == nil {
		t.Fatal("the package was not found while it was built")
	}
	defer held.Close()
	before, err := os.ReadFile(b.store.BlobPath(file.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.WriteAt([]byte("rewritten"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second, []byte("rewritten"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(b.store.BlobPath(file.Digest)); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the store's copy changed, %v", err)
	}
	b.watch = nil
	b.realize("rewritten", event.Cached)
	b.clean()
}
