package builder_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store"
	ours "github.com/fuel-infra/pbuild/store/digest"
)

// TestHealed: whatever of an image is lost or damaged, the next Ensure has it
// again, bit for bit: from its blob where that is good, else made anew.
func TestHealed(t *testing.T) {
	b := newLayerBench(t)
	b.define("healed", "small", b.add("healed", nil, debtest.Regular("./usr/share/healed", "healed\n")))
	b.locked("healed")
	image := b.ensure("healed")
	b.states("healed")
	top := image.Layers[1]
	ledger := slices.Clone(top.Tree.Ledger)
	file := filepath.Join(top.Tree.Dir, "usr/share/healed")
	layer := b.store.BlobPath(b.layerBlob("healed", 1))
	dropTree := func() error { return os.RemoveAll(top.Tree.Dir) }
	overwrite := func(path string) error {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString("damage")
		return err
	}
	fresh := []event.State{event.Waiting, event.Unpacking, event.Configuring, event.Built}
	for _, tc := range []struct {
		name   string
		damage func() error
		states []event.State // nil: nothing was made
	}{
		{"a tree that is gone", dropTree, nil},
		{"a file that is gone", func() error { return os.Remove(file) }, nil},
		{"a file too many", func() error { return os.WriteFile(file+"2", nil, 0o600) }, nil},
		{"a changed file", func() error { return overwrite(file) }, nil},
		{"a changed mode", func() error { return os.Chmod(file, 0o755) }, nil},
		{"a ledger that is gone", func() error { return os.Remove(top.Tree.Dir + ".ledger") }, nil},
		{"a damaged layer without a tree", func() error {
			if err := dropTree(); err != nil {
				return err
			}
			return overwrite(layer)
		}, fresh},
		{"tree and layer gone", func() error {
			if err := os.Remove(layer); err != nil {
				return err
			}
			return dropTree()
		}, fresh},
		{"the base's tree gone", func() error { return os.RemoveAll(image.Layers[0].Tree.Dir) }, nil},
		{"no manifest", func() error { return os.Remove(b.rootBlob("healed")) }, nil}, // the database has a copy
		{"a damaged manifest", func() error { return overwrite(b.rootBlob("healed")) }, nil},
		{"no config", func() error { return os.Remove(b.store.BlobPath(image.Digest)) }, nil},
		{"no root", func() error { return b.store.RemoveRoot("healed") }, fresh},
		{"a damaged root", func() error { return overwrite(filepath.Join(b.store.Dir(), "roots/healed")) }, fresh},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.t = t
			if err := tc.damage(); err != nil {
				t.Fatal(err)
			}
			again := b.ensure("healed")
			if again.Digest != image.Digest || !slices.Equal(again.Lower(), image.Lower()) {
				t.Errorf("got %v, had %v", again, image)
			}
			if got := b.states("healed"); !slices.Equal(got, tc.states) {
				t.Errorf("states %q, want %q", got, tc.states)
			}
			if got := again.Layers[1].Tree.Ledger; !reflect.DeepEqual(got, ledger) {
				t.Errorf("ledger: %q", tree.Diff(ledger, got))
			}
			if err := tree.CheckFull(t.Context(), top.Tree.Dir, ledger); err != nil {
				t.Error(err)
			}
			// What was damaged was put aside, for people to look at.
			b.emptyQuarantine()
			b.clean()
		})
	}
}

// TestDamagedPackage: one that rotted in the store is fetched again, before
// anything is made of it.
func TestDamagedPackage(t *testing.T) {
	b := newLayerBench(t)
	p := b.add("rotten", nil)
	b.define("rotten", "small", p)
	body := madeUp("rotten", "1", nil)
	if _, err := b.store.PutBytes(body); err != nil {
		t.Fatal(err)
	}
	path := b.store.BlobPath(p.SHA256)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(body, []byte("made up"), []byte("MADE UP"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	b.locked("rotten")
	if n := b.archive.Asked(p.Path); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	if got, err := b.store.ReadBlob(p.SHA256, 1<<20); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the store has another one, %v", err)
	}
	if n := b.emptyQuarantine(); n != 1 {
		t.Errorf("%d things were put aside", n)
	}
	b.clean()
}

// emptyQuarantine removes what was put aside, and returns how many things that
// were.
func (b *bench) emptyQuarantine() int {
	b.t.Helper()
	dir := filepath.Join(b.store.Dir(), "quarantine")
	names, err := os.ReadDir(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range names {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			b.t.Error(err)
		}
	}
	return len(names)
}

// rootBlob returns the path of the blob that a root names.
func (b *bench) rootBlob(name string) string {
	b.t.Helper()
	root, err := b.store.Root(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.store.BlobPath(parse(b.t, root.Digest))
}

// layerBlob returns the digest of the nth layer's blob.
func (b *bench) layerBlob(name string, n int) ours.Digest {
	b.t.Helper()
	m := b.manifest(name)
	return parse(b.t, m.Layers[n].Digest)
}

func parse(t *testing.T, d digest.Digest) ours.Digest {
	t.Helper()
	out, err := ours.Parse(string(d))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestOneMakesForAll: of several who want an image at once, one makes it.
func TestOneMakesForAll(t *testing.T) {
	b := newLayerBench(t)
	p := b.add("once", map[string]string{"postinst": "#!/bin/sh\nsleep 0.3\n"})
	b.define("once", "small", p)
	b.locked("once")
	if err := errors.Join(b.store.RemoveRoot("once"), b.store.RemoveRoot("once_packages")); err != nil {
		t.Fatal(err)
	}
	// A new session: what this one has put would stay.
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.GC(t.Context(), store.Policy{}, false); err != nil {
		t.Fatal(err)
	}
	const makers = 3
	var mu sync.Mutex
	ended := map[event.State]int{}
	var all sync.WaitGroup
	before := b.archive.Asked(p.Path)
	for range makers {
		all.Go(func() {
			s, err := store.Open(b.store.Dir())
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			c := fetch.New(s, b.archive.Mirrors())
			defer c.Close()
			m := &builder.Maker{Store: s, Fetch: c, Recipes: b.maker().Recipes, Arch: b.maker().Arch, Events: func(e event.Event) {
				if e.State.Final() {
					mu.Lock()
					ended[e.State]++
					mu.Unlock()
				}
			}}
			if _, err := m.Ensure(context.Background(), "once"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if want := map[event.State]int{event.Built: 1, event.Cached: makers - 1}; !reflect.DeepEqual(ended, want) {
		t.Errorf("ended %v, want %v", ended, want)
	}
	if n := b.archive.Asked(p.Path) - before; n != 1 {
		t.Errorf("fetched %d times", n)
	}
	b.clean()
}

// TestCost: what a first run is told that it will take.
func TestCost(t *testing.T) {
	b := newLayerBench(t)
	had, lost := b.add("had", nil), b.add("lost", nil)
	if _, err := b.store.PutBytes(madeUp("had", "1", nil)); err != nil {
		t.Fatal(err)
	}
	b.define("cost", "small", had, lost)
	one, err := b.maker().Recipes.Builder("cost")
	if err != nil {
		t.Fatal(err)
	}
	fetch, disk, err := b.maker().Cost(one)
	if err != nil || fetch != lost.Size || disk != had.Size+lost.Size {
		t.Errorf("not locked: %d to fetch, %d on disk, %v", fetch, disk, err)
	}
	lock := b.locked("cost")
	if one, err = b.maker().Recipes.Builder("cost"); err != nil {
		t.Fatal(err)
	}
	if fetch, disk, err := b.maker().Cost(one); err != nil || fetch != 0 || disk != 0 {
		t.Errorf("present: %d to fetch, %d on disk, %v", fetch, disk, err)
	}
	if err := b.store.RemoveRoot("cost"); err != nil {
		t.Fatal(err)
	}
	if fetch, disk, err := b.maker().Cost(one); err != nil || fetch != 0 || disk != had.Size+lost.Size+lock.Size || lock.Size == 0 {
		t.Errorf("fetched: %d to fetch, %d on disk, %v", fetch, disk, err)
	}
	if strings.Contains(lock.Builder.Hex(), "0000000000") {
		t.Errorf("lock %s", lock.Text())
	}
}

// TestHealedInFull: what a build does not look at is found by EnsureWhole, and a
// store with whatever damage to an image verifies after it.
func TestHealedInFull(t *testing.T) {
	b := newLayerBench(t)
	body := bytes.Repeat([]byte("whole "), 1<<15)
	p := b.add("whole", nil, debtest.Regular("./usr/share/whole", string(body)))
	b.define("whole", "small", p)
	b.locked("whole")
	image := b.ensure("whole")
	b.states("whole")
	flip := func(path string) error {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[len(content)/2] ^= 1
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, content, 0o600),
			os.Chmod(path, info.Mode()), os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	top := filepath.Join(image.Layers[1].Tree.Dir, "usr/share/whole")
	base := filepath.Join(image.Layers[0].Tree.Dir, "usr/share/doc/dpkg/copyright")
	fresh := []event.State{event.Waiting, event.Unpacking, event.Configuring, event.Built}
	refetched := []event.State{event.Fetching, event.Cached}
	for _, tc := range []struct {
		name   string
		damage func() error
		healed bool
		states []event.State // nil: nothing was made
	}{
		{"nothing", func() error { return nil }, false, nil},
		{"a file's bytes", func() error { return flip(top) }, true, nil},
		{"a file's bytes in the base", func() error { return flip(base) }, true, nil},
		{"both", func() error { return errors.Join(flip(top), flip(base)) }, true, nil},
		{"a tree that is gone", func() error { return os.RemoveAll(image.Layers[1].Tree.Dir) }, true, nil},
		{"the layer's blob", func() error { return flip(b.store.BlobPath(b.layerBlob("whole", 1))) }, true, fresh},
		{"the layer's blob gone", func() error { return os.Remove(b.store.BlobPath(b.layerBlob("whole", 1))) }, true, fresh},
		{"a package", func() error { return flip(b.store.BlobPath(p.SHA256)) }, true, refetched},
		{"a package gone", func() error { return os.Remove(b.store.BlobPath(p.SHA256)) }, true, refetched},
		{"the name of the packages gone", func() error { return b.store.RemoveRoot("whole_packages") }, true, []event.State{event.Cached}},
		{"tree and blob", func() error { return errors.Join(flip(top), flip(b.store.BlobPath(b.layerBlob("whole", 1)))) }, true, fresh},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.t = t
			if err := tc.damage(); err != nil {
				t.Fatal(err)
			}
			if tc.name != "a tree that is gone" {
				b.ensure("whole") // sees nothing
			}
			again, healed, err := b.maker().EnsureWhole(t.Context(), "whole")
			if err != nil {
				t.Fatal(err)
			}
			fetched, err := b.maker().EnsurePackages(t.Context(), "whole")
			if err != nil {
				t.Fatal(err)
			}
			healed = healed || fetched
			if healed != tc.healed || again.Digest != image.Digest || !slices.Equal(again.Lower(), image.Lower()) {
				t.Errorf("healed %t, got %v, had %v", healed, again, image)
			}
			if got := b.states("whole"); !slices.Equal(got, tc.states) {
				t.Errorf("states %q, want %q", got, tc.states)
			}
			if n := b.emptyQuarantine(); n > 0 != (tc.healed && !strings.HasSuffix(tc.name, "gone")) {
				t.Errorf("%d things were put aside", n)
			}
			b.clean()
		})
	}

	// A new lock is never made over a damaged base.
	b.t = t
	if err := flip(base); err != nil {
		t.Fatal(err)
	}
	before := image.Digest
	if lock := b.locked("whole"); lock.Builder != before {
		t.Errorf("got %s, had %s", lock.Builder, before)
	}
	b.emptyQuarantine()
	b.clean()
}

// TestPackagesAreKept: with the layer lost and every mirror gone an image is made
// again from its packages, which GC keeps as long as the image.
func TestPackagesAreKept(t *testing.T) {
	b := newLayerBench(t)
	p := b.add("lasting", nil, debtest.Regular("./usr/share/lasting", "x\n"))
	b.define("lasting", "small", p)
	b.locked("lasting")
	image := b.ensure("lasting")
	if _, err := b.store.GC(t.Context(), store.Policy{}, false); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(b.store.BlobPath(b.layerBlob("lasting", 1))), os.RemoveAll(image.Layers[1].Tree.Dir)); err != nil {
		t.Fatal(err)
	}
	asked := b.archive.Asked(p.Path)
	if again := b.ensure("lasting"); again.Digest != image.Digest || b.archive.Asked(p.Path) != asked {
		t.Errorf("made %s, was %s; the mirror was asked %d times more", again.Digest, image.Digest, b.archive.Asked(p.Path)-asked)
	}
	b.clean()
}
