package tree

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWorktree: what git keeps in a work tree is not seen, whatever it is; all
// else is, and a copy has the same digest.
func TestWorktree(t *testing.T) {
	dir, bare := t.TempDir(), t.TempDir()
	for name, body := range map[string]string{
		".git/config": "x", ".gitignore": "kept", "sub/.git": "gitdir: ..\n", "sub/file": "a", "sub/x.git": "kept",
	} {
		for _, to := range []string{dir, bare} {
			if to == bare && (name == ".git/config" || name == "sub/.git") {
				continue
			}
			file := filepath.Join(to, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, to := range []string{dir, bare} {
		if err := os.Symlink("../.gitignore", filepath.Join(to, "sub/link")); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	want, err := Digest(os.DirFS(bare))
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := Digest(root.FS()); err != nil || whole == want {
		t.Errorf("control: with .git the digest is the same, %v", err)
	}
	got, err := Digest(Worktree(root.FS()))
	if err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	to := t.TempDir()
	if err := Materialize(Worktree(root.FS()), to, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got, err := Digest(os.DirFS(to)); err != nil || got != want {
		t.Errorf("copied: %s, %v, want %s", got, err, want)
	}
}
