package deb_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

const helloControl = `Package: hello
Version: 1:2.10-3
Architecture: amd64
Installed-Size: 280
Depends: libc6 (>= 2.34),
 dpkg
Description: greets
 Nothing more.
`

var (
	helloMembers = []debtest.File{
		debtest.Directory("./"), debtest.Regular("./control", helloControl),
		{Header: tar.Header{Name: "./postinst", Mode: 0o755}, Data: "#!/bin/sh\n"},
		debtest.Regular("./md5sums", "x"),
	}
	helloFiles = []debtest.File{
		debtest.Directory("./"), debtest.Directory("./usr/"), debtest.Directory("./usr/bin/"),
		{Header: tar.Header{Name: "./usr/bin/hello", Mode: 0o4755, Gid: 8, Gname: "mail"}, Data: "hello\n"},
		{Header: tar.Header{Name: "./usr/bin/alias", Typeflag: tar.TypeLink, Linkname: "./usr/bin/hello"}},
		{Header: tar.Header{Name: "./usr/bin/l", Typeflag: tar.TypeSymlink, Linkname: "hello", Mode: 0o777}},
	}
)

func open(b []byte) (*deb.Deb, error) { return deb.Open(bytes.NewReader(b), int64(len(b))) }

func mustOpen(t testing.TB, b []byte) *deb.Deb {
	t.Helper()
	d, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpen(t *testing.T) {
	control, data := debtest.Tar(helloMembers...), debtest.Tar(helloFiles...)
	format := debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")}
	for name, b := range map[string][]byte{
		"plain": debtest.Build(control, data),
		"gzip":  debtest.Ar(format, debtest.Member{Name: "control.tar.gz", Data: debtest.Gzip(control)}, debtest.Member{Name: "data.tar.gz", Data: debtest.Gzip(data)}),
		"zstd":  debtest.Ar(format, debtest.Member{Name: "control.tar.zst", Data: debtest.Zstd(control)}, debtest.Member{Name: "data.tar.zst", Data: debtest.Zstd(data)}),
		// made by xz from what debtest.Tar makes of the same members
		"xz": debtest.Ar(format, debtest.Member{Name: "control.tar.xz", Data: fixture(t, "control.tar.xz")}, debtest.Member{Name: "data.tar.xz", Data: fixture(t, "data.tar.xz")}),
		"more members": debtest.Ar(
			debtest.Member{Name: "debian-binary", Data: []byte("2.1\nmore\n")}, debtest.Member{Name: "_ignored", Data: []byte("x")},
			debtest.Member{Name: "control.tar/", Data: control}, debtest.Member{Name: "data.tar/", Data: data},
			debtest.Member{Name: "_gpgorigin", Data: []byte("x")}, debtest.Member{Name: "other", Data: nil},
		),
	} {
		t.Run(name, func(t *testing.T) {
			d := mustOpen(t, b)
			if got := d.Control().String(); got != helloControl {
				t.Errorf("control: %q", got)
			}
			want := map[string][]byte{"postinst": []byte("#!/bin/sh\n"), "md5sums": []byte("x")}
			if diff := cmp.Diff(want, d.Scripts()); diff != "" {
				t.Error(diff)
			}
			s, err := d.DataTar()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, data) {
				t.Errorf("data.tar differs: %v", err)
			}
			got, err := d.Contents()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(helloContents, got); diff != "" {
				t.Error(diff)
			}
			if got, err := d.OutputDigest(); err != nil || got.String() != helloOutput {
				t.Errorf("output digest %s, %v", got, err)
			}
		})
	}
}

var helloContents = []tree.Entry{
	{Path: ".", Kind: tree.Dir, Mode: 0o755, MTime: 1e9},
	{Path: "usr", Kind: tree.Dir, Mode: 0o755, MTime: 1e9},
	{Path: "usr/bin", Kind: tree.Dir, Mode: 0o755, MTime: 1e9},
	{Path: "usr/bin/hello", Kind: tree.File, Mode: 0o4755, GID: 8, Size: 6, MTime: 1e9, Digest: digest.Of([]byte("hello\n"))},
	{Path: "usr/bin/alias", Kind: tree.HardLink, Mode: 0o4755, GID: 8, MTime: 1e9, Link: "usr/bin/hello"},
	{Path: "usr/bin/l", Kind: tree.Symlink, Mode: 0o777, MTime: 1e9, Link: "hello"},
}

func TestData(t *testing.T) {
	d := mustOpen(t, debtest.Build(debtest.Tar(helloMembers...), debtest.Tar(helloFiles...)))
	var wg sync.WaitGroup
	for range 4 { // several readers at once
		wg.Go(func() {
			r, c, err := d.Data()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			var names []string
			for {
				h, err := r.Next()
				if err != nil {
					if err != io.EOF {
						t.Error(err)
					}
					break
				}
				names = append(names, h.Name)
			}
			want := []string{"./", "./usr/", "./usr/bin/", "./usr/bin/hello", "./usr/bin/alias", "./usr/bin/l"}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Error(diff)
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	control, data := debtest.Tar(helloMembers...), debtest.Tar(helloFiles...)
	f.Add(debtest.Build(control, data))
	f.Add(debtest.Ar(debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
		debtest.Member{Name: "control.tar.xz", Data: fixture(f, "control.tar.xz")}, debtest.Member{Name: "data.tar.zst", Data: debtest.Zstd(data)}))
	f.Add(debtest.Ar(debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
		debtest.Member{Name: "control.tar.gz", Data: debtest.Gzip(control)}, debtest.Member{Name: "data.tar.xz", Data: fixture(f, "data.tar.xz")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := open(b)
		if err != nil {
			return
		}
		d.Limits = tree.Limits{Bytes: 1 << 20, Entries: 100}
		entries, err := d.Contents()
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Path != "." && (strings.HasPrefix(e.Path, "/") || strings.Contains("/"+e.Path+"/", "/../")) {
				t.Fatalf("path %q", e.Path)
			}
		}
		first, err := d.OutputDigest()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := d.OutputDigest(); err != nil || again != first {
			t.Fatal(again, err)
		}
	})
}

// What Contents lists is what tree.Unpack makes.
func TestContentsAgreesWithUnpack(t *testing.T) {
	d := mustOpen(t, debtest.Build(debtest.Tar(helloMembers...), debtest.Tar(helloFiles...)))
	s, err := d.DataTar()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := tree.Unpack(context.Background(), s, t.TempDir(), tree.UnpackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Contents()
	if err != nil {
		t.Fatal(err)
	}
	l := tree.Ledger(want)
	l.Sort()
	if diff := tree.Diff(l, got); diff != nil {
		t.Fatal(diff)
	}
}
