package tree

import (
	"bytes"
	"context"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSettle(t *testing.T) {
	items := append([]item{
		{kind: File, path: "etc/su", mode: 0o4755, data: "su", mtime: 2_000_000_000},
		{kind: HardLink, path: "etc/su2", data: "etc/su", mtime: 2_000_000_000},
		{kind: Symlink, path: "etc/l", data: "su", mtime: 2_000_000_000},
		{kind: FIFO, path: "etc/fifo", mode: 0o600, mtime: 2_000_000_000},
		{kind: Dir, path: "etc/late", mode: 0o2755, mtime: 2_000_000_000},
	}, upperItems...)
	dir := makeLayerTree(t, items)
	if err := unix.Chmod(dir+"/etc/su", 0o6711); err != nil { // making the hard link's time may have cleared it
		t.Fatal(err)
	}
	c := Capture{
		Dir: dir, Clamp: epoch, Overlay: true,
		Owners: map[string]Entry{"etc/su": {Kind: File, Mode: 0o4000}},
		Lower:  []Ledger{{{Path: "etc", Kind: Dir}, {Path: "etc/again", Kind: Dir}, {Path: "etc/motd", Kind: File}}},
	}
	before, l := writeLayer(t, c)
	if err := Settle(context.Background(), dir, l); err != nil {
		t.Fatal(err)
	}
	if err := CheckFull(context.Background(), dir, l); err != nil {
		t.Fatal(err)
	}
	c.Lower = nil // nothing is left that they would drop
	if after, _ := writeLayer(t, c); !bytes.Equal(before, after) {
		t.Fatal("written again, the layer has other bytes")
	}
	makeItems(t, dir, []item{{kind: File, path: "etc/more", mode: 0o644}})
	if err := Settle(context.Background(), dir, l); err == nil || err.Error() != "settle "+dir+": etc/more: not in the ledger" {
		t.Fatal(err)
	}
}
