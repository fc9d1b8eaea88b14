package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFlippedByte flips one byte in each kind of file; Verify names the file,
// and nothing but what hangs on it.
func TestFlippedByte(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	must(0, s.SetRoot("debian-12-base", im.desc))
	r := realize(t, s, "hello", "a")
	wantClean(t, s)
	journal, root := journalPath(r.Key), rootsDir+"/hello-deb"
	blob := func(hex string) string { return blobsDir + "/" + hex }
	for _, c := range []struct {
		file string
		want []string // paths of Verify's problems
	}{
		{blob(r.Files[0].Digest.Hex()), []string{blob(r.Files[0].Digest.Hex())}},
		{blob(r.Log.Hex()), []string{blob(r.Log.Hex())}},
		{blob(r.Key.Hex()), []string{blob(r.Key.Hex())}},
		{blob(r.Manifest.Hex()), []string{blob(r.Manifest.Hex()), journal, root}},
		{blob(im.config.Hex()), []string{blob(im.config.Hex())}},
		{journal, []string{journal}},
		// index.json is then behind a root that cannot be read; it is not damaged.
		{root, []string{root}},
		{"index.json", []string{"index.json"}},
		{"oci-layout", []string{"oci-layout"}},
		{treesDir + "/" + im.diff.Hex() + ".ledger", []string{treesDir + "/" + im.diff.Hex() + ".ledger"}},
		{treesDir + "/" + im.diff.Hex() + "/usr/salt", []string{treesDir + "/" + im.diff.Hex()}},
		{treesDir + "/" + im.diff.Hex() + "/usr/su", []string{treesDir + "/" + im.diff.Hex()}},
	} {
		whole := must(os.ReadFile(s.path(c.file)))
		for _, at := range []int{0, len(whole) / 2, len(whole) - 1} {
			overwrite(s.path(c.file), flipByte(at))
			var got []string
			for _, p := range must(s.Verify(t.Context())).Problems {
				if len(got) == 0 || got[len(got)-1] != p.Path {
					got = append(got, p.Path)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, byte %d: %s", c.file, at, diff)
			}
			overwrite(s.path(c.file), func([]byte) []byte { return whole })
		}
	}
	wantClean(t, s)
}

// TestEntryOfAnotherKey: an entry under a name that is not its key's is damaged.
func TestEntryOfAnotherKey(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	k := planned("tree", "a")
	must(0, os.WriteFile(s.path(journalPath(k)), must(os.ReadFile(s.path(journalPath(r.Key)))), 0o444))
	want := []Problem{{journalPath(k), "damaged in the store: it is the entry of key " + r.Key.String()}}
	if diff := cmp.Diff(want, must(s.Verify(t.Context())).Problems); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Lookup(k); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// TestVerifyNames modes, and what is missing.
func TestVerifyNames(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	must(0, s.SetRoot("debian-12-base", im.desc))
	r := realize(t, s, "hello", "a")
	must(0, os.Chmod(s.BlobPath(r.Log), 0o644))
	must(0, os.Remove(s.BlobPath(r.Provenance)))
	must(0, os.Remove(s.BlobPath(im.diff)))
	must(0, os.Remove(s.path("oci-layout")))
	must(0, os.Chmod(s.Dir(), 0o755))
	must(0, os.WriteFile(s.treePath(im.diff)+"/usr/added", nil, 0o644))
	tree := treesDir + "/" + im.diff.Hex()
	got := must(s.Verify(t.Context())).Problems
	var lines []string
	for _, p := range got {
		lines = append(lines, p.Path+": "+p.What)
	}
	want := []string{
		".: mode 0755, want 0700",
		"blobs/sha256/" + r.Log.Hex() + ": mode -rw-r--r--, want -r--r--r--",
		"journal/" + r.Key.Hex() + ": blob " + r.Provenance.String() + ": not in the store",
		"oci-layout: no such file or directory",
		"roots/debian-12-base: blob " + im.diff.String() + ": not in the store",
	}
	var rest []string
	for _, l := range lines {
		if strings.HasPrefix(l, tree+": ") {
			rest = append(rest, l)
		}
	}
	if diff := cmp.Diff(want, lines[:len(lines)-len(rest)]); diff != "" {
		t.Error(diff)
	}
	if all := strings.Join(rest, "\n"); !strings.Contains(all, tree+": damaged in the store: usr/added: unexpected") {
		t.Errorf("of the tree: %s", all)
	}
}

// TestDatabaseDamaged cuts, empties, removes and flips the database's files.
// Each first list after that works, in another process, since Badger ends the
// process on some of what it does not expect; a lookup does not look at them.
func TestDatabaseDamaged(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var r Realization
	for i := range 4 {
		r = realize(t, s, "hello", fmt.Sprint(i))
	}
	must(0, s.Close())
	kept := filepath.Join(t.TempDir(), "db")
	must(0, os.CopyFS(kept, os.DirFS(s.path(dbDir))))
	rng := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func(path string, b []byte) error{
		"gone":  func(path string, _ []byte) error { return os.Remove(path) },
		"empty": func(path string, _ []byte) error { return os.Truncate(path, 0) },
		"cut":   func(path string, b []byte) error { return os.Truncate(path, int64(len(b)/2)) },
		"zeros": func(path string, b []byte) error { return os.WriteFile(path, make([]byte, len(b)), 0o600) },
		"longer": func(path string, b []byte) error {
			return os.WriteFile(path, append(bytes.Clone(b), "more"...), 0o600)
		},
		"flipped": func(path string, b []byte) error {
			if len(b) == 0 {
				return nil
			}
			return os.WriteFile(path, flipByte(rng.IntN(min(len(b), 4096)))(b), 0o600)
		},
	}
	for _, e := range must(os.ReadDir(kept)) {
		for name, damage := range damages {
			t.Run(e.Name()+" "+name, func(t *testing.T) {
				must(0, os.RemoveAll(s.path(dbDir)))
				must(0, os.CopyFS(s.path(dbDir), os.DirFS(kept)))
				b := must(os.ReadFile(s.path(dbDir, e.Name())))
				must(0, damage(s.path(dbDir, e.Name()), b))
				if out, err := roleCommand(t, "lookup", s.Dir(), r.Key.String()).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
				if out, err := roleCommand(t, "list", s.Dir(), "4").CombinedOutput(); err != nil {
					t.Errorf("list: %v: %s", err, out)
				}
				if out, err := roleCommand(t, "record", s.Dir(), "hello", "3").CombinedOutput(); err != nil {
					t.Errorf("record: %v: %s", err, out)
				}
			})
		}
	}
	must(0, s.Rebuild(t.Context()))
	wantClean(t, s)
}
