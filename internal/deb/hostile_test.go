package deb_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/tree"
)

func TestOpenRefuses(t *testing.T) {
	control, data := debtest.Tar(helloMembers...), debtest.Tar(helloFiles...)
	format := debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")}
	c, d := debtest.Member{Name: "control.tar", Data: control}, debtest.Member{Name: "data.tar", Data: data}
	withControl := func(text string) []byte { return debtest.Build(debtest.Tar(debtest.Regular("control", text)), data) }
	withMember := func(f debtest.File) []byte {
		return debtest.Build(debtest.Tar(debtest.Regular("control", helloControl), f), data)
	}
	replace := func(old, with string) []byte { return withControl(strings.Replace(helloControl, old, with, 1)) }
	good := debtest.Build(control, data)
	header := func(at int, with string) []byte {
		b := bytes.Clone(good)
		copy(b[8+at:], with)
		return b
	}
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "deb: not an ar archive"},
		{"other file", []byte("PK\x03\x04 and so on"), "deb: not an ar archive"},
		{"no members", []byte("!<arch>\n"), "deb: no member debian-binary"},
		{"cut in a header", good[:50], "deb: ar: cut off in the header at byte 8"},
		{"cut in a member", good[:500], `deb: ar: member "control.tar": 4608 bytes, but 368 are left`},
		{"header's end", header(58, "xx"), "deb: ar: no member header at byte 8"},
		{"size", header(48, "-4        "), `deb: ar: member "debian-binary": bad size "-4        "`},
		{"huge size", header(48, "9999999999"), `deb: ar: member "debian-binary": 9999999999 bytes, but`},
		{"long name", header(0, "#1/20           "), `deb: ar: bad member name "#1/20           "`},
		{"slash", header(0, "../x            "), `deb: ar: bad member name`},
		{"many members", debtest.Ar(append([]debtest.Member{format}, make33()...)...), "deb: ar: over the limit: more than 32 members"},
		{"order", debtest.Ar(format, d, c), `deb: member "data.tar" where control.tar belongs`},
		{"first member", debtest.Ar(c, d), `deb: member "control.tar" where debian-binary belongs`},
		{"no data", debtest.Ar(format, c), "deb: no member data.tar"},
		{"format", debtest.Ar(debtest.Member{Name: "debian-binary", Data: []byte("3.0\n")}, c, d), `deb: format "3.0": want 2.0`},
		{"bz2", debtest.Ar(format, c, debtest.Member{Name: "data.tar.bz2", Data: data}), "deb: member data.tar.bz2: compression .bz2 is not supported"},
		{"not gzip", debtest.Ar(format, debtest.Member{Name: "control.tar.gz", Data: control}, d), "deb: control.tar.gz: gzip: invalid header"},
		{"not xz", debtest.Ar(format, debtest.Member{Name: "control.tar.xz", Data: control}, d), "deb: control.tar.xz: xz: file format not recognized"},
		{"no control", debtest.Build(debtest.Tar(), data), "deb: control.tar: no control file"},
		{"two paragraphs", withControl(helloControl + "\nA: 1\n"), "deb: control: 2 paragraphs, want 1"},
		{"bad control", withControl("A\n"), "deb: control: line 1: want «Field: value»"},
		{"package", replace("hello", "../hello"), `deb: package name "../hello"`},
		{"version", replace("1:2.10-3", "1;id"), `deb: version "1;id"`},
		{"architecture", replace("amd64", "../../x"), `deb: architecture "../../x"`},
		{"no architecture", replace("Architecture", "X"), `deb: architecture ""`},
		{"member's directory", withMember(debtest.Regular("sub/x", "")), `deb: control.tar: unexpected file "sub/x"`},
		{"member symlink", withMember(debtest.File{Header: tar.Header{Name: "postinst", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}}), `deb: control.tar: unexpected symlink "postinst"`},
		{"member twice", withMember(debtest.Regular("./control", "x")), "deb: control.tar: unsafe path: control: stands twice"},
		{"member outside", withMember(debtest.Regular("../x", "x")), "deb: control.tar: unsafe path: ../x: holds .."},
		{"large member", withMember(debtest.Regular("md5sums", strings.Repeat("x", 64<<20))), "deb: control.tar: over the limit: size: md5sums: files of more than 67108864 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := open(c.in)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || d != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func make33() (all []debtest.Member) {
	for i := range 33 {
		all = append(all, debtest.Member{Name: fmt.Sprintf("_%d", i)})
	}
	return all
}

func TestContentsRefuses(t *testing.T) {
	control := debtest.Tar(helloMembers...)
	zeros := debtest.Tar(debtest.Regular("zeros", strings.Repeat("\x00", 1<<20)))
	member := func(suffix string, data []byte) []byte {
		return debtest.Ar(debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
			debtest.Member{Name: "control.tar", Data: control}, debtest.Member{Name: "data.tar" + suffix, Data: data})
	}
	flipped := debtest.Gzip(zeros)
	flipped[len(flipped)-8] ^= 1
	stream := make([]byte, 5<<20) // an archive of nothing but padding
	for _, c := range []struct {
		name string
		in   []byte
		kind error
		want string
	}{
		{"dots", member("", debtest.Tar(debtest.Regular("../x", ""))), tree.ErrUnsafe, "deb: hello: unsafe path: ../x: holds .."},
		{"through a link", member("", debtest.Tar(debtest.File{Header: tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/"}}, debtest.Regular("l/x", ""))), tree.ErrUnsafe, "deb: hello: unsafe path: l/x: leads through l, a symlink"},
		{"gzip bomb", member(".gz", debtest.Gzip(zeros)), tree.ErrLimit, "deb: hello: over the limit: size: zeros: files of more than 1000 bytes"},
		{"zstd bomb", member(".zst", debtest.Zstd(zeros)), tree.ErrLimit, "deb: hello: over the limit: size: zeros: files of more than 1000 bytes"},
		{"xz bomb", member(".xz", fixture(t, "bomb.tar.xz")), tree.ErrLimit, "deb: hello: over the limit: size: zeros: files of more than 1000 bytes"},
		{"padding bomb", member(".zst", debtest.Zstd(stream)), deb.ErrLimit, "data.tar.zst: over the limit: size: more than 41960 bytes uncompressed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mustOpen(t, c.in)
			d.Limits = tree.Limits{Bytes: 1000, Entries: 10}
			_, err := d.Contents()
			if err == nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if _, err := d.OutputDigest(); err == nil {
				t.Error("OutputDigest accepts it")
			}
		})
	}
	// The same archives within the default limits, as far as they are whole.
	for name, b := range map[string][]byte{"gzip": member(".gz", debtest.Gzip(zeros)), "xz": member(".xz", fixture(t, "bomb.tar.xz"))} {
		if got, err := mustOpen(t, b).Contents(); err != nil || len(got) != 1 || got[0].Size != 1<<20 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"checksum of the compressor": {member(".gz", flipped), "data.tar.gz: gzip: invalid checksum"},
		"cut":                        {member(".gz", debtest.Gzip(zeros)[:50]), "unexpected EOF"},
		"xz, cut":                    {member(".xz", fixture(t, "bomb.tar.xz")[:100]), "data.tar.xz: xz: data is truncated or corrupt"},
	} {
		if _, err := mustOpen(t, c.in).Contents(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
