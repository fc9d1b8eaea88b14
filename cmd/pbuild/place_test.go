package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
)

// newStore returns the directory of a store with these images, which goes with the
// test.
func newStore(t testing.TB, images ...string) string {
	t.Helper()
	store, remove, err := testenv.NewStore(images...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// ownersPlace returns a store with an image, the uid that owns it, and a directory
// with the committed recipes, where that one can go.
func ownersPlace(t *testing.T, image string) (store string, owner int, dir string) {
	t.Helper()
	store = newStore(t, image)
	info, err := os.Stat(store)
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = os.MkdirTemp("/var/tmp", "pbuild-place-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.CopyFS(filepath.Join(dir, "recipes"), os.DirFS("../../recipes")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return store, int(info.Sys().(*syscall.Stat_t).Uid), dir
}
