package store

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	ocidigest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// testLayer is an uncompressed layer with a directory, a file, a hard link, a
// symlink and a whiteout.
func testLayer(salt string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, text string) {
		h.Format, h.ModTime, h.Size = tar.FormatPAX, testTime, int64(len(text))
		must(0, w.WriteHeader(&h))
		must(w.Write([]byte(text)))
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "usr/", Mode: 0o755}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "usr/salt", Mode: 0o644}, salt)
	add(tar.Header{Typeflag: tar.TypeReg, Name: "usr/su", Mode: 0o4755}, "#!/bin/sh\n")
	add(tar.Header{Typeflag: tar.TypeLink, Name: "usr/su2", Linkname: "usr/su"}, "")
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "usr/to", Linkname: "/etc/passwd"}, "")
	must(0, w.Close())
	return b.Bytes()
}

// image is a builder image in a store.
type image struct {
	desc                   v1.Descriptor
	manifest, config, diff digest.Digest
}

// putImage stores an image of one layer and its unpacked tree, without a root.
func putImage(t testing.TB, s *Store, salt string) image {
	t.Helper()
	layer := testLayer(salt)
	blob := func(mediaType string, b []byte) v1.Descriptor {
		d, err := s.PutBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		return v1.Descriptor{MediaType: mediaType, Digest: ocidigest.Digest(d.String()), Size: int64(len(b))}
	}
	im := image{diff: digest.Of(layer)}
	config := must(json.Marshal(v1.Image{
		Platform: v1.Platform{Architecture: "amd64", OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []ocidigest.Digest{ocidigest.Digest(im.diff.String())}},
	}))
	im.config = digest.Of(config)
	manifest := must(json.Marshal(v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Config: blob(v1.MediaTypeImageConfig, config), Layers: []v1.Descriptor{blob(v1.MediaTypeImageLayer, layer)},
	}))
	im.manifest = digest.Of(manifest)
	im.desc = blob(v1.MediaTypeImageManifest, manifest)
	putTree(t, s, layer)
	return im
}

func putTree(t testing.TB, s *Store, layer []byte) {
	t.Helper()
	w, err := s.NewTree()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l, err := tree.UnpackLayer(t.Context(), bytes.NewReader(layer), w.Dir, tree.UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(digest.Of(layer), l); err != nil {
		t.Fatal(err)
	}
}

func TestTree(t *testing.T) {
	s := newStore(t)
	layer := testLayer("a")
	d := digest.Of(layer)
	if _, err := s.Tree(d); !errors.Is(err, ErrNotFound) || err.Error() != "tree "+d.String()+": not in the store" {
		t.Errorf("before: %v", err)
	}
	for range 2 { // the second finds the first, and is dropped
		putTree(t, s, layer)
		got, err := s.Tree(d)
		if err != nil {
			t.Fatal(err)
		}
		if got.Dir != s.path(treesDir, d.Hex()) {
			t.Errorf("Dir %s", got.Dir)
		}
		if diff := tree.Diff(must(tree.UnpackLayer(t.Context(), bytes.NewReader(layer), t.TempDir(), tree.UnpackOptions{})), got.Ledger); diff != nil {
			t.Error(diff)
		}
		if text := must(os.ReadFile(got.Dir + "/usr/salt")); string(text) != "a" {
			t.Errorf("usr/salt holds %q", text)
		}
	}
	if info := must(os.Lstat(s.ledgerPath(d))); info.Mode() != 0o444 {
		t.Errorf("ledger has mode %s", info.Mode())
	}
	if report := wantClean(t, s); report.Trees != 1 {
		t.Errorf("%d trees", report.Trees)
	}
}

func TestTreeNotKept(t *testing.T) {
	s := newStore(t)
	layer := testLayer("a")
	w := must(s.NewTree())
	l := must(tree.UnpackLayer(t.Context(), bytes.NewReader(layer), w.Dir, tree.UnpackOptions{}))
	must(0, os.Remove(w.Dir+"/usr/to"))
	var damage *tree.DamageError
	if err := w.Commit(digest.Of(layer), l); !errors.As(err, &damage) {
		t.Errorf("a tree that is not its ledger's: %v", err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := w.Commit(digest.Of(layer), l); !errors.Is(err, os.ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
	if got := must(readNames(s.path(treesDir))); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	wantClean(t, s)
}

// TestTreeReadOnlyRoot: the kernel refuses to move a directory that its owner
// may not write to; root is let through, so an ordinary user does it.
func TestTreeReadOnlyRoot(t *testing.T) {
	base := sharedDir(t)
	must(0, os.Mkdir(base+"/to", 0o777))
	must(0, os.Chmod(base+"/to", 0o777))
	for _, mode := range []os.FileMode{0o555, 0, 0o755} {
		err := asNobody(t, func() error {
			dir := fmt.Sprintf("%s/tree-%o", base, mode)
			must(0, os.Mkdir(dir, 0o755))
			must(0, os.Chmod(dir, mode))
			return moveDir(dir, fmt.Sprintf("%s/to/tree-%o", base, mode))
		})
		if err != nil {
			t.Error(err)
			continue
		}
		if info := must(os.Lstat(fmt.Sprintf("%s/to/tree-%o", base, mode))); info.Mode() != mode|os.ModeDir {
			t.Errorf("moved with mode %s, want %s", info.Mode(), mode)
		}
	}
}

func TestTreeDamaged(t *testing.T) {
	for name, damage := range map[string]func(dir string){
		"mode":           func(dir string) { must(0, os.Chmod(dir+"/usr/salt", 0o600)) },
		"gone":           func(dir string) { must(0, os.Remove(dir+"/usr/to")) },
		"ledger flipped": func(dir string) { overwrite(dir+".ledger", flipByte(40)) },
		"ledger gone":    func(dir string) { must(0, os.Remove(dir+".ledger")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			layer := testLayer("a")
			putTree(t, s, layer)
			d := digest.Of(layer)
			damage(s.treePath(d))
			report := must(s.Verify(t.Context()))
			if len(report.Problems) == 0 || !strings.HasPrefix(report.Problems[0].Path, treesDir+"/"+d.Hex()) {
				t.Errorf("verify names %v", report.Problems)
			}
			if _, err := s.Tree(d); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
				t.Fatalf("damaged: %v", err)
			}
			if left := must(readNames(s.path(treesDir))); len(left) > 0 {
				t.Errorf("left in trees/: %q", left)
			}
			putTree(t, s, layer)
			if _, err := s.Tree(d); err != nil {
				t.Errorf("made again: %v", err)
			}
			must(s.GC(context.Background(), Policy{}, false))
		})
	}
}

// TestTreeHealed: a damaged tree that nobody has looked at yet gives way to a good one.
func TestTreeHealed(t *testing.T) {
	s := newStore(t)
	layer := testLayer("a")
	putTree(t, s, layer)
	d := digest.Of(layer)
	must(0, os.Remove(s.treePath(d)+"/usr/to"))
	putTree(t, s, layer)
	if _, err := s.Tree(d); err != nil {
		t.Fatal(err)
	}
	if report := must(s.Verify(t.Context())); len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
	if names := must(readNames(s.path(quarantineDir))); len(names) != 2 {
		t.Errorf("quarantine holds %q, want tree and ledger", names)
	}
}

// TestVerifyTree sees what Tree does not, and puts it aside; so does a good tree
// that takes its place.
func TestVerifyTree(t *testing.T) {
	s := newStore(t)
	layer := testLayer("a")
	d := digest.Of(layer)
	if _, err := s.VerifyTree(t.Context(), d); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		t.Errorf("before: %v", err)
	}
	putTree(t, s, layer)
	want := must(s.Tree(d))
	spoil := func() {
		t.Helper()
		overwrite(s.treePath(d)+"/usr/salt", flipByte(0))
		if got := must(s.Tree(d)); got.Dir != want.Dir {
			t.Errorf("Dir %s", got.Dir)
		}
	}
	if got := must(s.VerifyTree(t.Context(), d)); got.Dir != want.Dir || tree.Diff(want.Ledger, got.Ledger) != nil {
		t.Errorf("got %+v, want %+v", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.VerifyTree(ctx, d); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	wantClean(t, s)

	spoil()
	_, err := s.VerifyTree(t.Context(), d)
	var damage *tree.DamageError
	if !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) || !errors.As(err, &damage) || len(damage.Diff) != 1 {
		t.Errorf("damaged: %v", err)
	}
	if names := must(readNames(s.path(quarantineDir))); len(names) != 2 {
		t.Errorf("quarantine holds %q, want tree and ledger", names)
	}
	if _, err := s.Tree(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("after that: %v", err)
	}
	putTree(t, s, layer)
	spoil()
	putTree(t, s, layer)
	must(s.VerifyTree(t.Context(), d))
	must(s.GC(t.Context(), Policy{}, false))
}
