package tree

import (
	"bytes"
	"context"
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
