package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// The same members are accepted where nothing is wrong with them: the refusals
// above are not due to the way the archives are made.
func TestUnpackAccepts(t *testing.T) {
	dir, check := arena(t)
	b := makeTar(
		t,
		dirOf("./"), dirOf("./d/"), reg("./d/.wh.gone", ""), reg("d/.wh..wh..opq", ""), reg("late/x", "xyz"), dirOf("late"),
		link(tar.TypeSymlink, "l", "../out/canary"), link(tar.TypeLink, "h", "./late/x"), link(tar.TypeLink, "h2", "h"),
		link(tar.TypeLink, "hl", "l"), member{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}},
		member{Header: tar.Header{Name: "su", Mode: 0o6755, Uid: 5, Gid: 6}},
		member{Header: tar.Header{Name: "fifo", Typeflag: tar.TypeFifo, Mode: 0o622}},
		pax(reg("cap", ""), map[string]string{"SCHILY.xattr.security.capability": "\x01"}),
		reg(strings.Repeat("d/", 254)+"x", ""), reg("implicit/y", ""),
	)
	l, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Limits: Limits{Bytes: 3}})
	check()
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckFull(context.Background(), dir, l); err != nil {
		t.Fatal(err)
	}
	var shallow Ledger
	for _, e := range l {
		if !strings.HasPrefix(e.Path, "d/d") {
			shallow = append(shallow, e)
		}
	}
	x := digest.Of([]byte("xyz")).Hex()
	none := digest.Of(nil).Hex()
	want := strings.NewReplacer("XYZ", x, "NONE", none).Replace(`d	0755	0	0	1000000000	.
f	0755	0	0	1000000000	cap	0	NONE	security.capability	"\x01"
d	0755	0	0	1000000000	d
o	d/.wh..wh..opq
w	d/gone
p	0622	0	0	1000000000	fifo
h	0755	0	0	1000000000	h	late/x
h	0755	0	0	1000000000	h2	late/x
l	0777	0	0	1000000000	hl	../out/canary
d	0755	0	0	0	implicit
f	0755	0	0	1000000000	implicit/y	0	NONE
l	0777	0	0	1000000000	l	../out/canary
d	0755	0	0	1000000000	late
f	0755	0	0	1000000000	late/x	3	XYZ
c	0755	0	0	1000000000	null	1	3
f	6755	5	6	1000000000	su	0	NONE
`)
	got := strings.TrimPrefix(text(t, shallow), ledgerHead)
	if diff := cmp.Diff(want, got[:strings.Index(got, "end\t")]); diff != "" {
		t.Fatal(diff)
	}
	wantDisk := []string{
		"cap -rwxr-xr-x", "d drwxr-xr-x", "d/gone Dc---------", "fifo prw--w--w-", "h -rwxr-xr-x", "h2 -rwxr-xr-x",
		"hl Lrwxrwxrwx ../out/canary", "implicit drwxr-xr-x", "implicit/y -rwxr-xr-x", "l Lrwxrwxrwx ../out/canary",
		"late drwxr-xr-x", "late/x -rwxr-xr-x", "su -rwxr-xr-x",
	}
	var disk []string
	for _, line := range listing(t, dir) {
		if !strings.HasPrefix(line, "d/d") {
			disk = append(disk, line)
		}
	}
	if diff := cmp.Diff(wantDisk, disk); diff != "" {
		t.Fatal(diff)
	}
}

// A symlink that is on disk already, not in the archive, must not be followed either.
func TestUnpackDoesNotFollowTheDisk(t *testing.T) {
	for name, b := range map[string][]byte{
		"file": makeTar(t, reg("l/x", "")), "directory": makeTar(t, dirOf("l"), reg("l/x", "")),
		"deep": makeTar(t, reg("l/a/b", "")), "over": makeTar(t, dirOf("l")),
	} {
		dir, check := arena(t)
		if err := os.Symlink("../out", filepath.Join(dir, "l")); err != nil {
			t.Fatal(err)
		}
		_, err := Unpack(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Shared: true})
		check()
		if !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir, check := arena(t)
	if err := os.Symlink("../out/new", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(context.Background(), bytes.NewReader(makeTar(t, reg("l", "x"))), dir, UnpackOptions{})
	check()
	if err == nil || err.Error() != "unpack l: is there already" {
		t.Error(err)
	}
}

func TestUnpackPlain(t *testing.T) {
	dir, _ := arena(t)
	_, err := Unpack(context.Background(), bytes.NewReader(makeTar(t, reg(".wh.x", "bytes"))), dir, UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".wh.x -rwxr-xr-x"}, listing(t, dir)); diff != "" {
		t.Fatal(diff)
	}
}

func TestUnpackRename(t *testing.T) {
	dir, _ := arena(t)
	rename := func(p string) string {
		switch {
		case p == "drop":
			return ""
		case p == "evil":
			return "../out/x"
		case p == "bin" || strings.HasPrefix(p, "bin/"):
			return "usr/" + p
		}
		return p
	}
	b := makeTar(t, dirOf("usr"), dirOf("bin"), reg("bin/sh", "1"), dirOf("usr/bin"), link(tar.TypeLink, "usr/bin/h", "bin/sh"), reg("drop", ""))
	l, err := Unpack(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Rename: rename})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"usr d", "usr/bin d", "usr/bin/h h", "usr/bin/sh f"}, kinds(l)); diff != "" {
		t.Fatal(diff)
	}
	for _, m := range [][]member{{reg("evil", "")}, {reg("bin/sh", ""), reg("usr/bin/sh", "")}} {
		dir, check := arena(t)
		_, err := Unpack(context.Background(), bytes.NewReader(makeTar(t, m...)), dir, UnpackOptions{Rename: rename})
		check()
		if !errors.Is(err, ErrUnsafe) {
			t.Error(err)
		}
	}
}

func TestUnpackShared(t *testing.T) {
	dir, _ := arena(t)
	var wg sync.WaitGroup
	ledgers := make([]Ledger, 8)
	errs := make([]error, 8)
	for i := range ledgers {
		b := makeTar(t, dirOf("usr"), dirOf("usr/share"), reg(fmt.Sprintf("usr/share/%d", i), "x"))
		wg.Go(func() {
			ledgers[i], errs[i] = Unpack(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Shared: true})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	all := ledgers[0]
	for _, l := range ledgers[1:] {
		all = append(all, l[2])
	}
	all.Sort()
	if err := SetDirs(dir, all); err != nil {
		t.Fatal(err)
	}
	if err := CheckFull(context.Background(), dir, all); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(context.Background(), bytes.NewReader(makeTar(t, reg("usr/share/0", ""))), dir, UnpackOptions{Shared: true})
	if err == nil || err.Error() != "unpack usr/share/0: is there already" {
		t.Fatal(err)
	}
}

// stopping cancels a context once some bytes were read.
type stopping struct {
	r      io.Reader
	cancel func()
}

func (s stopping) Read(p []byte) (int, error) {
	s.cancel()
	return s.r.Read(p)
}

func TestUnpackStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	dir, _ := arena(t)
	_, err := UnpackLayer(ctx, stopping{bytes.NewReader(makeTar(t, reg("a", ""), reg("b", ""))), cancel}, dir, UnpackOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a -rwxr-xr-x"}, listing(t, dir)); diff != "" {
		t.Fatal(diff)
	}
}
