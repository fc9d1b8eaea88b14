package realize_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// flip changes a byte in the middle of a blob, as a bad disk does.
func flip(s *store.Store, d digest.Digest) error {
	path := s.BlobPath(d)
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	body[len(body)/2] ^= 1
	// The file may be a hard link into another store.
	return errors.Join(os.Remove(path), os.WriteFile(path, body, 0o444), os.Chmod(path, 0o444))
}

// quarantined returns the digests of the blobs that were put aside, and removes
// them.
func (b *bench) quarantined() (hexes []string) {
	b.t.Helper()
	dir := filepath.Join(b.store.Dir(), "quarantine")
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		hexes = append(hexes, strings.Split(e.Name(), "-")[1])
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			b.t.Error(err)
		}
	}
	return hexes
}

// TestDamagedHit: a hit whose packages are damaged is made good in the same run,
// from the database's copy where it has one, and what is handed out is right.
func TestDamagedHit(t *testing.T) {
	// Not parallel: it looks at the quarantine.
	for name, tc := range map[string]struct {
		bytes int
		want  event.State
	}{
		"small-hit": {100, event.Cached},
		"large-hit": {8000, event.Built}, // too large for the database
	} {
		b := newBench(t)
		b.write(name, made{script: "mkdir -p debian/" + name + "\n" +
			"perl -MDigest::SHA=sha256 -e 'print sha256($_) for 1.." + strconv.Itoa(tc.bytes) + "' >debian/" + name + "/data\npack " + name + "\n"})
		dir := filepath.Join(t.TempDir(), "result")
		b.Out = realize.OutDir(b.store, dir)
		first := b.realize(name, event.Built).Realization
		file := first.Files[0]
		path := filepath.Join(dir, file.Name)
		whole, err := os.ReadFile(path)
		if err != nil || digest.Of(whole) != file.Digest {
			t.Fatalf("%s: handed out: %v", name, err)
		}
		b.states(name)

		// The right file is there already: nothing is read, and it stays.
		if err := flip(b.store, file.Digest); err != nil {
			t.Fatal(err)
		}
		b.realize(name, event.Cached)
		if got := b.quarantined(); got != nil {
			t.Errorf("%s: put aside: %q", name, got)
		}

		// It is not: the damage is found, and made good.
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		b.states(name)
		again := b.realize(name, tc.want).Realization
		if again.Manifest != first.Manifest || !slices.Equal(again.Files, first.Files) {
			t.Errorf("%s: got %+v, had %+v", name, again, first)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%s: handed out: %d bytes, %v", name, len(got), err)
		}
		want := []event.State{event.Queued, event.Waiting, event.Cached}
		if tc.want == event.Built {
			want = []event.State{event.Queued, event.Waiting, event.Building, event.Built}
		}
		if got := b.states(name); !slices.Equal(got, want) {
			t.Errorf("%s: states %q", name, got)
		}
		if got := b.quarantined(); !slices.Equal(got, []string{file.Digest.Hex()}) {
			t.Errorf("%s: put aside: %q", name, got)
		}
		b.realize(name, event.Cached)
		b.clean()
	}
}

// TestOutFails: what can't be handed out is that node's failure, and built all
// the same.
func TestOutFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("unhanded", made{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Out = realize.OutDir(b.store, file)
	results, err := b.try("unhanded")
	if want := "unhanded: deb: mkdir " + file + ": not a directory"; err == nil || err.Error() != want || results[0].State != event.Failed {
		t.Errorf("got %s, %v", results[0].State, err)
	}
	b.Out = nil
	b.realize("unhanded", event.Cached)
}

// TestOneNameTwice: two recipes that make different files of one name; equal ones
// are no matter.
func TestOneNameTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	b.Out = realize.OutDir(b.store, dir)
	b.write("twin-a", made{outputs: "twin", script: "pack twin\n"})
	b.write("twin-b", made{outputs: "twin", script: "pack twin\n# the same\n"})
	if _, err := b.try("twin-a", "twin-b"); err != nil {
		t.Fatal(err)
	}
	b.write("twin-c", made{outputs: "twin", script: "mkdir -p debian/twin/usr/share/another\npack twin\n"})
	results, err := b.try("twin-a", "twin-c")
	want := fmt.Sprintf("twin-c: deb: twin_1-1_all.deb: recipe twin-a makes a file of this name too, %s: this one is ", results[0].Realization.Files[0].Digest.Short())
	if err == nil || !strings.HasPrefix(err.Error(), want) || results[0].State != event.Cached || results[1].State != event.Failed {
		t.Errorf("got %s, %s, %v\nwant %s", results[0].State, results[1].State, err, want)
	}
	body, err := os.ReadFile(filepath.Join(dir, "twin_1-1_all.deb"))
	if err != nil || digest.Of(body) != results[0].Realization.Files[0].Digest {
		t.Errorf("what lies there is not the first one's: %v", err)
	}
	b.realize("twin-c", event.Cached) // alone it may
}

// TestWrongOutputsAreGarbage: nothing names what a build made that its recipe
// does not declare, once its session has ended.
func TestWrongOutputsAreGarbage(t *testing.T) {
	// Not parallel: others would add blobs.
	b := newBench(t)
	blobs := func() map[string]bool {
		entries, err := os.ReadDir(filepath.Join(b.store.Dir(), "blobs/sha256"))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		for _, e := range entries {
			all[e.Name()] = true
		}
		return all
	}
	for name, m := range map[string]made{
		"waste-extra":   {script: "pack waste-extra\npack waste-more\n"},
		"waste-missing": {outputs: "waste-missing, waste-none", script: "pack waste-missing\n"},
		"waste-bad":     {script: "pack waste-bad\necho garbage >../z.deb\n"},
	} {
		b.write(name, m)
		before := blobs()
		if _, err := b.try(name); err == nil {
			t.Fatalf("%s: built", name)
		}
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		plan, err := b.store.GC(t.Context(), store.Policy{}, true)
		if err != nil {
			t.Fatal(err)
		}
		garbage := map[string]bool{}
		for _, i := range plan.Items {
			garbage[strings.TrimPrefix(i.Name, "sha256:")] = i.Kind == "blob"
		}
		made := 0
		for hex := range blobs() {
			if before[hex] {
				continue
			}
			if made++; !garbage[hex] {
				t.Errorf("%s: blob %s is kept", name, hex)
			}
		}
		if made < 2 { // the package, and the text behind its output digest
			t.Errorf("%s: %d blobs were made", name, made)
		}
	}
}

// TestSourcesAreKept: with every mirror gone, what was built from a source package
// can be built again after a gc; and a source that was damaged is fetched again.
func TestSourcesAreKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
		t.Fatal(err)
	}
	b := openBench(t, dir)
	first := b.realize("tree", event.Built).Realization
	src := b.node("tree").Recipe.Sources[recipe.Main].(recipe.Dsc)
	if len(first.Inputs) != 3 || !slices.Contains(first.Inputs, src.SHA256) {
		t.Fatalf("inputs %v", first.Inputs)
	}
	b.gc()
	// Nobody remembers the result; its sources are there still.
	if err := os.Remove(filepath.Join(dir, "journal", first.Key.Hex())); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	// unpacks wants the sources to be there, and is content with that.
	unpacks := func() {
		t.Helper()
		ctx, cancel := withCancel(t)
		unpacked := false
		b.watch = func(e event.Event) {
			if e.State == event.Building && strings.HasPrefix(e.Step, "dpkg-buildpackage: ") {
				unpacked = true
				cancel()
			}
		}
		p, err := b.Plan(ctx, []realize.Target{{Name: "tree", Format: recipe.FormatDeb}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Realize(ctx, p); !unpacked || !errors.Is(err, context.Canceled) {
			t.Fatalf("unpacked %t, %v", unpacked, err)
		}
	}
	online := b.Fetch
	b.Fetch = fetch.New(b.store, testenv.NewArchive(t).Mirrors())
	unpacks()

	for _, d := range first.Inputs {
		if err := flip(b.store, d); err != nil {
			t.Fatal(err)
		}
	}
	b.Fetch.Close()
	b.Fetch = online
	unpacks()
	got := b.quarantined()
	for _, d := range first.Inputs {
		if !slices.Contains(got, d.Hex()) {
			t.Errorf("not put aside: %s", d)
		}
	}
	b.clean()
}
