package tree

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

var upperItems = []item{
	{kind: Dir, path: "etc", mode: 0o755},
	{kind: Whiteout, path: "etc/motd"},
	{kind: Whiteout, path: "etc/never"},
	{kind: Dir, path: "etc/new", mode: 0o755},
	{kind: Opaque, path: "etc/new"},
	{kind: Dir, path: "etc/again", mode: 0o755},
	{kind: Opaque, path: "etc/again"},
	{kind: File, path: "etc/again/x", mode: 0o644},
	{kind: Whiteout, path: "srv"},
}

func TestWriteLayerOverlay(t *testing.T) {
	dir := makeLayerTree(t, upperItems)
	c := Capture{Dir: dir, Clamp: epoch, Overlay: true}
	b, l := writeLayer(t, c)
	want := []string{
		"etc d", "etc/again d", "etc/again/.wh..wh..opq o", "etc/again/x f", "etc/motd w",
		"etc/never w", "etc/new d", "etc/new/.wh..wh..opq o", "srv w",
	}
	if diff := cmp.Diff(want, kinds(l)); diff != "" {
		t.Fatal(diff)
	}
	if got, want := digest.Of(b).String(), "sha256:3255f4ab0d47b4d75533e12354f9e50294793c4e8c146591f0bd956545405a20"; got != want {
		t.Errorf("layer: %s, want %s", got, want)
	}
	names := tarNames(t, b)
	wantNames := []string{
		"etc/", "etc/again/", "etc/again/.wh..wh..opq", "etc/again/x", "etc/.wh.motd",
		"etc/.wh.never", "etc/new/", "etc/new/.wh..wh..opq", ".wh.srv",
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Fatal(diff)
	}

	back := t.TempDir()
	got, err := UnpackLayer(context.Background(), bytes.NewReader(b), back, UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := Diff(l, got); diff != nil {
		t.Fatal(diff)
	}
	if err := CheckFull(context.Background(), back, got); err != nil {
		t.Fatal(err)
	}
	again, _ := writeLayer(t, Capture{Dir: back, Clamp: epoch, Overlay: true})
	if !bytes.Equal(b, again) {
		t.Fatal("unpacked and written again, the layer has other bytes")
	}

	c.Lower = []Ledger{
		{{Path: "etc", Kind: Dir}, {Path: "etc/again", Kind: Dir}, {Path: "etc/motd", Kind: File}, {Path: "etc/new", Kind: Dir}, {Path: "etc/new/y", Kind: File}, {Path: "srv", Kind: Dir}},
		{{Path: "etc/new", Kind: Whiteout}},
	}
	_, l = writeLayer(t, c)
	want = []string{"etc d", "etc/again d", "etc/again/.wh..wh..opq o", "etc/again/x f", "etc/motd w", "etc/new d", "srv w"}
	if diff := cmp.Diff(want, kinds(l)); diff != "" {
		t.Fatal(diff)
	}

	c.Overlay = false
	if _, err := WriteLayer(context.Background(), new(bytes.Buffer), c); err == nil || !strings.Contains(err.Error(), "etc/motd: a character device can't be packed") {
		t.Fatalf("without Overlay: %v", err)
	}
}

// TestMarksThatAreNames: as on a file system that takes neither devices nor attributes.
func TestMarksThatAreNames(t *testing.T) {
	var rest []item
	for _, it := range upperItems {
		if it.kind != Whiteout && it.kind != Opaque {
			rest = append(rest, it)
		}
	}
	dir := makeLayerTree(t, rest)
	c, err := newCursor(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range upperItems {
		up, name := split(it.path)
		if it.kind == Opaque {
			up, name = it.path, opaqueName
		} else if it.kind != Whiteout {
			continue
		} else {
			name = whiteoutPrefix + name
		}
		fd, err := c.enter(up)
		if err == nil {
			err = putName(c.levels[0].fd, fd, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	want, l := writeLayer(t, Capture{Dir: makeLayerTree(t, upperItems), Clamp: epoch, Overlay: true})
	if err := SetDirs(dir, l); err != nil {
		t.Fatal(err)
	}
	capture := Capture{Dir: dir, Clamp: epoch, Overlay: true}
	if got, _ := writeLayer(t, capture); !bytes.Equal(got, want) {
		t.Error("the layer has other bytes")
	}
	if err := CheckFull(t.Context(), dir, l); err != nil {
		t.Error(err)
	}
	capture.Lower = []Ledger{{{Path: "etc", Kind: Dir}, {Path: "etc/motd", Kind: File}}}
	_, fewer := writeLayer(t, capture)
	if err := Settle(t.Context(), dir, fewer); err != nil {
		t.Fatal(err)
	}
	if err := CheckFull(t.Context(), dir, fewer); err != nil {
		t.Error(err)
	}
	err = CheckFull(t.Context(), dir, l)
	if err == nil || !strings.Contains(err.Error(), "4 paths differ: etc/again/.wh..wh..opq: missing; etc/never: missing; etc/new/.wh..wh..opq: missing; srv: missing") {
		t.Errorf("what was dropped: %v", err)
	}
	if err := os.Remove(dir + "/" + namesMark); err != nil {
		t.Fatal(err)
	}
	if err := Check(dir, fewer); err == nil || !strings.Contains(err.Error(), "etc/motd: missing") {
		t.Errorf("without the word that names are marks: %v", err)
	}
	if _, err := WriteLayer(t.Context(), new(bytes.Buffer), capture); err == nil || !strings.Contains(err.Error(), "etc/.wh.motd: a name that means a whiteout in a layer") {
		t.Errorf("without the word that names are marks: %v", err)
	}
}

func TestLowerKind(t *testing.T) {
	lower := []Ledger{
		{{Path: "a", Kind: Dir}, {Path: "a/b", Kind: Dir}, {Path: "a/b/c", Kind: File}, {Path: "d", Kind: Dir}, {Path: "d/e", Kind: File}, {Path: "f", Kind: File}},
		{{Path: "a", Kind: Dir}, {Path: "a/b", Kind: Dir}, {Path: "a/b/.wh..wh..opq", Kind: Opaque}, {Path: "d", Kind: Symlink}, {Path: "f", Kind: Whiteout}},
	}
	for path, want := range map[string]Kind{
		"a": Dir, "a/b": Dir, "a/b/c": 0, "d": Symlink, "d/e": 0, "f": 0, "g": 0,
	} {
		if got := lowerKind(lower, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if got := lowerKind(lower[:1], "a/b/c"); got != File {
		t.Errorf("a/b/c in the lowest layer: %v", got)
	}
}

func kinds(l Ledger) (out []string) {
	for _, e := range l {
		out = append(out, e.Path+" "+string(rune(e.Kind)))
	}
	return out
}
