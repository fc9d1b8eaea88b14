package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Whatever an archive holds: nothing outside changes, no panic, and what is
// accepted stands on disk as its ledger says and makes the same layer again.
func FuzzUnpackLayer(f *testing.F) {
	f.Add(makeTar(f, dirOf("d"), reg("d/x", "1"), link(tar.TypeLink, "h", "d/x")))
	f.Add(makeTar(f, link(tar.TypeSymlink, "l", "../out"), reg("m/.wh.x", "")))
	f.Add(makeTar(f, dirOf("./"), reg("./d/.wh..wh..opq", "")))
	f.Add(makeTar(f, pax(reg("caf\xe9", "x"), map[string]string{"SCHILY.xattr.user.a": "b", "mtime": "1.5"})))
	f.Add(makeTar(f, member{Header: tar.Header{Name: "p", Typeflag: tar.TypeFifo, Mode: 0o7000}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for i := 0; i+512 <= len(b) && i < 8*512; i += 512 { // a wrong checksum would hide all else
			if bytes.HasPrefix(b[i+257:], []byte("ustar")) {
				seal(b[i : i+512])
			}
		}
		dir, check := arena(t)
		defer check()
		defer filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(p, 0o700)
			}
			return nil
		})
		l, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Limits: Limits{Entries: 100, Bytes: 1 << 20}})
		if err != nil {
			return
		}
		if err := CheckFull(context.Background(), dir, l); err != nil {
			t.Fatal(err)
		}
		if again, err := ReadLedger(bytes.NewReader([]byte(text(t, l)))); err != nil || Diff(l, again) != nil {
			t.Fatal(err, Diff(l, again))
		}
		owners := make(map[string]Entry)
		for _, e := range l {
			owners[e.Path] = e
			if e.Kind == CharDev || e.Kind == BlockDev || e.Path == "." || e.MTime != diskTime(e.MTime) {
				return // not on disk as it is
			}
		}
		first, fl := writeLayer(t, Capture{Dir: dir, Owners: owners, Clamp: maxDiskTime, Overlay: true})
		if len(fl) != len(l) {
			t.Fatal(Diff(l, fl))
		}
		back := t.TempDir()
		again, err := UnpackLayer(context.Background(), bytes.NewReader(first), back, UnpackOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer filepath.WalkDir(back, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(p, 0o700)
			}
			return nil
		})
		if d := Diff(fl, again); d != nil {
			t.Fatal(d)
		}
	})
}
