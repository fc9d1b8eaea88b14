package recipe

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestView: what is no part of a collection is not seen, whatever it is; all of a
// recipe is.
func TestView(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"pbuild.yaml", "dependencies.yaml", "x.set.yaml", "notes.txt", "a/recipe.yaml", "a/src/deep/x.c", "a/notes.txt",
		"Bad Name/recipe.yaml", "result/a_1_all.deb", ".git/config", "builders/b.lock", "profiles/p.yaml",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out.yaml", "linked", "Linked Too"} {
		if err := os.Symlink("/etc/passwd", filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var got []string
	err = fs.WalkDir(View(root.FS()), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, name)
		}
		return err
	})
	want := []string{
		"Bad Name/recipe.yaml", "a/notes.txt", "a/recipe.yaml", "a/src/deep/x.c", "builders/b.lock",
		"dependencies.yaml", "linked", "out.yaml", "pbuild.yaml", "profiles/p.yaml", "x.set.yaml",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}
