package builder

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// control returns the control part of a package with these further members.
func control(fields string, members ...debtest.File) []byte {
	return debtest.Tar(append([]debtest.File{debtest.Regular("./control", fields)}, members...)...)
}

func script(name, body string) debtest.File {
	return debtest.File{Header: tar.Header{Name: "./" + name, Mode: 0o755}, Data: body}
}

// unpackInto unpacks packages into dir as bootstrap does.
func unpackInto(t *testing.T, dir string, debs ...[]byte) ([]*unpacked, error) {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.MkdirAll(filepath.Join(dir, "usr/sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	var packages []recipe.Package
	for i, body := range debs {
		d, err := s.PutBytes(body)
		if err != nil {
			t.Fatal(err)
		}
		p := recipe.Package{SHA256: d, Size: int64(len(body)), Path: fmt.Sprintf("pool/%d.deb", i)}
		for field, to := range map[string]*string{"Package": &p.Name, "Version": &p.Version, "Architecture": &p.Arch} {
			_, after, _ := bytes.Cut(body, []byte(field+": "))
			value, _, _ := bytes.Cut(after, []byte("\n"))
			*to = string(value)
		}
		packages = append(packages, p)
	}
	m := &Maker{Store: s}
	return m.unpackAll(t.Context(), dir, packages, func(recipe.Package) {})
}

// madeUpSet are packages that show each thing which the database records.
func madeUpSet() [][]byte {
	link := debtest.File{Header: tar.Header{Name: "./bin/alias", Typeflag: tar.TypeLink, Linkname: "./bin/gamma"}}
	symlink := debtest.File{Header: tar.Header{Name: "./usr/share/alpha/current", Typeflag: tar.TypeSymlink, Linkname: "v1"}}
	return [][]byte{
		debtest.Build(control("Package: alpha\nVersion: 1.0-1\nArchitecture: all\nEssential: yes\nMaintainer: A\n"+
			"Description: conffiles and a file trigger\n two\n .\n lines\n",
			debtest.Regular("./conffiles", "/etc/alpha.conf\nremove-on-upgrade /etc/alpha.old\n/etc/alpha/two words.conf\n"),
			debtest.Regular("./triggers", "# what we wait for\ninterest /usr/share/alpha # all of it\n\nactivate-noawait ldconfig\n"),
			debtest.Regular("./md5sums", "d41d8cd98f00b204e9800998ecf8427e  usr/share/alpha/v1\n"),
			script("postinst", "#!/bin/sh\nexit 0\n"),
			script("config", "#!/bin/sh\nexit 0\n"),
		), debtest.Tar(
			debtest.Directory("./"), debtest.Directory("./etc/"), debtest.Regular("./etc/alpha.conf", "a=1\n"),
			debtest.Directory("./etc/alpha/"), debtest.Regular("./etc/alpha/two words.conf", "b=2\n"),
			debtest.Directory("./usr/"), debtest.Directory("./usr/share/"), debtest.Directory("./usr/share/alpha/"),
			debtest.Regular("./usr/share/alpha/v1", ""), symlink,
		)),
		debtest.Build(control("Package: libbeta\nVersion: 1:2-3\nArchitecture: amd64\nMulti-Arch: same\nMaintainer: B\nDescription: a library\n",
			debtest.Regular("./triggers", "interest-noawait ldconfig\ninterest-await /usr/share/beta\n"),
			debtest.Regular("./shlibs", "libbeta 0 libbeta\n"),
			script("preinst", "#!/bin/sh\nexit 0\n"),
		), debtest.Tar(
			debtest.Directory("./"), debtest.Directory("./lib/"), debtest.Regular("./lib/libbeta.so.0", "beta"),
		)),
		debtest.Build(control("Package: gamma\nVersion: 3\nArchitecture: amd64\nMulti-Arch: foreign\nMaintainer: C\nDescription: a program\n",
			debtest.Regular("./triggers", "interest-noawait ldconfig\nactivate /usr/share/alpha\n"),
		), debtest.Tar(
			debtest.Directory("./"), debtest.Directory("./bin/"), debtest.Regular("./bin/gamma", "gamma"), link,
		)),
	}
}

// TestDpkgDatabase: what dpkg will find, byte for byte, under any umask.
func TestDpkgDatabase(t *testing.T) {
	want, err := os.ReadFile("testdata/dpkgdb.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, umask := range []int{0o022, 0o077, 0} {
		defer syscall.Umask(syscall.Umask(umask))
		dir := t.TempDir()
		all, err := unpackInto(t, dir, madeUpSet()...)
		if err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := prepare(root, all); err != nil {
			t.Fatal(err)
		}
		got := shown(t, root) + "\n== what configures them\n" + string(configureScript(all))
		if got != string(want) {
			t.Errorf("umask %03o: testdata/dpkgdb.txt (-) and got (+):\n%s\nwhole:\n%s", umask, cmp.Diff(string(want), got), got)
		}
	}
}

// shown prints each directory, link and file below root with its mode, files of
// the database with their text.
func shown(t *testing.T, root *os.Root) string {
	t.Helper()
	var b strings.Builder
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		// Directories above those of the database are packages' own: SetDirs gives them modes.
		if d.IsDir() && !strings.HasPrefix(name, adminDir+"/") {
			return nil
		}
		fmt.Fprintf(&b, "== %s %s\n", info.Mode(), name)
		if d.Type() == fs.ModeSymlink {
			to, err := root.Readlink(name)
			fmt.Fprintf(&b, "→ %s\n", to)
			return err
		}
		if d.IsDir() || !strings.HasPrefix(name, adminDir) {
			return nil
		}
		text, err := root.ReadFile(name)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPackagedFiles: conffiles stand under their final names, base-files' entry
// of a directory counts, and info/ is a package's own.
func TestPackagedFiles(t *testing.T) {
	dir := func(mode int64) []byte {
		return debtest.Tar(debtest.Directory("./"), debtest.File{Header: tar.Header{Name: "./tmp/", Typeflag: tar.TypeDir, Mode: mode}})
	}
	fields := "Version: 1\nArchitecture: all\nMaintainer: A\nDescription: x\n"
	all, err := unpackInto(t, t.TempDir(), append(madeUpSet(),
		debtest.Build(control("Package: early\n"+fields), dir(0o755)),
		debtest.Build(control("Package: base-files\n"+fields), dir(0o1777)))...)
	if err != nil {
		t.Fatal(err)
	}
	got := packagedFiles(all)
	if e := got["tmp"]; e.Mode != 0o1777 {
		t.Errorf("tmp: %+v", e)
	}
	if e := got["etc/alpha.conf"]; e.Kind != tree.File || e.Digest != digest.Of([]byte("a=1\n")) || e.Path != "etc/alpha.conf" {
		t.Errorf("etc/alpha.conf: %+v", e)
	}
	if e := got["var/lib/dpkg/info/libbeta:amd64.preinst"]; e.Mode != 0o755 || e.Digest != digest.Of([]byte("#!/bin/sh\nexit 0\n")) {
		t.Errorf("preinst: %+v", e)
	}
	if e := got["usr/bin/alias"]; e.Kind != tree.HardLink || e.Link != "usr/bin/gamma" {
		t.Errorf("usr/bin/alias: %+v", e)
	}
	for name := range got {
		if strings.HasSuffix(name, ".dpkg-new") || strings.HasPrefix(name, "bin/") {
			t.Errorf("%s stands nowhere", name)
		}
	}
}

func TestBadPackages(t *testing.T) {
	fields := "Version: 1\nArchitecture: all\nMaintainer: A\nDescription: x\n"
	empty := debtest.Tar(debtest.Directory("./"))
	for _, tc := range []struct {
		name string
		deb  []byte
		want string
	}{
		{
			"one word", debtest.Build(control("Package: odd\n"+fields, debtest.Regular("./triggers", "interest\n")), empty),
			`odd: triggers: "interest\n": want a directive and a trigger`,
		},
		{"no deb", []byte("Package: odd\nVersion: 1\nArchitecture: all\n"), "0.deb: "},
		{"leads out", debtest.Build(control("Package: odd\n"+fields), debtest.Tar(debtest.Regular("./../x", "x"))), "odd: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			all, err := unpackInto(t, dir, tc.deb)
			if err == nil {
				root, openErr := os.OpenRoot(dir)
				if openErr != nil {
					t.Fatal(openErr)
				}
				defer root.Close()
				err = prepare(root, all)
			}
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGenerated: NAME.files lists what packages do not bring as it is, and no
// times.
func TestGenerated(t *testing.T) {
	file := func(path, body string, mode uint32) tree.Entry {
		return tree.Entry{Path: path, Kind: tree.File, Mode: mode, Size: int64(len(body)), Digest: digest.Of([]byte(body)), MTime: 7}
	}
	packaged := map[string]tree.Entry{}
	for _, e := range []tree.Entry{
		file("bin/same", "same", 0o755), file("etc/changed", "before", 0o644), file("etc/mode", "m", 0o644),
		{Path: "usr", Kind: tree.Dir, Mode: 0o755},
		{Path: "usr/link", Kind: tree.Symlink, Mode: 0o777, Link: "a"},
		{Path: "usr/moved", Kind: tree.Symlink, Mode: 0o777, Link: "a"},
		{Path: "usr/owner", Kind: tree.Dir, Mode: 0o755, GID: 8},
		{Path: "usr/x", Kind: tree.HardLink, Link: "usr/y"},
	} {
		packaged[e.Path] = e
	}
	l := &made{packaged: packaged, ledger: tree.Ledger{
		file("bin/same", "same", 0o755), file("etc/changed", "after", 0o644), file("etc/mode", "m", 0o600), file("etc/new", "n", 0o644),
		{Path: "usr", Kind: tree.Dir, Mode: 0o755, MTime: 9},
		{Path: "usr/gone", Kind: tree.Whiteout},
		{Path: "usr/link", Kind: tree.Symlink, Mode: 0o777, Link: "a"},
		{Path: "usr/moved", Kind: tree.Symlink, Mode: 0o777, Link: "b"},
		{Path: "usr/owner", Kind: tree.Dir, Mode: 0o755},
		file("usr/x", "y", 0o644),
	}}
	var got []string
	for _, e := range l.generated() {
		if e.MTime != 0 {
			t.Errorf("%s: time %d", e.Path, e.MTime)
		}
		got = append(got, e.Path)
	}
	if want := []string{"etc/changed", "etc/mode", "etc/new", "usr/gone", "usr/moved", "usr/owner"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	back, err := tree.ReadLedger(bytes.NewReader(l.generatedText()))
	if err != nil || len(tree.Diff(l.generated(), back)) > 0 {
		t.Errorf("printed and read again: %v, %v", back, err)
	}
}

// TestMismatchText: twenty paths are shown, and how many there are.
func TestMismatchText(t *testing.T) {
	e := &MismatchError{Want: digest.Of([]byte("a")), Got: digest.Of([]byte("b"))}
	head := "image is sha256:3e23e8160039, the lock says sha256:ca978112ca1b"
	if e.Error() != head {
		t.Errorf("got %s", e)
	}
	for i := range 22 {
		e.Paths = append(e.Paths, fmt.Sprintf("p%02d: missing", i))
	}
	got := strings.Split(e.Error(), "\n  ")
	if len(got) != 22 || got[0] != head+": 22 paths differ:" || got[1] != "p00: missing" || got[20] != "p19: missing" || got[21] != "and 2 more" {
		t.Errorf("got %q", got)
	}
}
