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
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// arena is a directory to unpack in, with a canary beside it that nothing may touch.
func arena(t testing.TB) (dir string, check func()) {
	t.Helper()
	top := t.TempDir()
	makeItems(t, top, []item{
		{kind: Dir, path: "in", mode: 0o700},
		{kind: Dir, path: "out", mode: 0o700},
		{kind: File, path: "out/canary", mode: 0o600, data: "alive"},
	})
	out := filepath.Join(top, "out")
	return filepath.Join(top, "in"), func() {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(out, "canary"))
		if err != nil || string(b) != "alive" {
			t.Errorf("canary: %q, %v", b, err)
		}
		if diff := cmp.Diff([]string{"canary -rw-------"}, listing(t, out)); diff != "" {
			t.Error(diff)
		}
		var st unix.Stat_t
		if err := unix.Stat(out, &st); err != nil || st.Mtim.Sec != epoch {
			t.Errorf("the directory outside changed: %v", err)
		}
	}
}

func pax(m member, records map[string]string) member {
	m.PAXRecords, m.Format = records, tar.FormatPAX
	return m
}

func sized(m member, size int64) member {
	m.Size = size
	return m
}

func TestUnpackRefuses(t *testing.T) {
	deep := strings.Repeat("d/", 100_000) + "x"
	for _, c := range []struct {
		name string
		tar  func(t *testing.T) []byte
		kind error
		want string
	}{
		{"dots", tarOf(reg("../out/x", "")), ErrUnsafe, "unsafe path: ../out/x: holds .."},
		{"dots inside", tarOf(reg("a/../../out/x", "")), ErrUnsafe, "unsafe path: a/../../out/x: holds .."},
		{"dots at the end", tarOf(dirOf("a/..")), ErrUnsafe, "unsafe path: a/..: holds .."},
		{"absolute", tarOf(reg("/out/x", "")), ErrUnsafe, "unsafe path: /out/x: absolute"},
		{"not clean", tarOf(reg("a//b", "")), ErrUnsafe, "unsafe path: a//b: not clean"},
		{"dot inside", tarOf(reg("a/./b", "")), ErrUnsafe, "unsafe path: a/./b: not clean"},
		{"file with a slash", tarOf(link(tar.TypeSymlink, "a/", "b")), ErrUnsafe, "unsafe path: a/: not clean"},
		{"file as the root", tarOf(link(tar.TypeSymlink, ".", "/out")), ErrUnsafe, "unsafe path: .: not clean"},
		{"through a symlink", tarOf(link(tar.TypeSymlink, "l", "../out"), reg("l/x", "")), ErrUnsafe, "unsafe path: l/x: leads through l, a symlink"},
		{"through an absolute symlink", tarOf(link(tar.TypeSymlink, "l", "/tmp"), dirOf("l/x")), ErrUnsafe, "leads through l, a symlink"},
		{"through a file", tarOf(reg("f", ""), reg("f/x", "")), ErrUnsafe, "unsafe path: f/x: leads through f, a file"},
		{"through a whiteout", tarOf(reg(".wh.f", ""), reg("f/x", "")), ErrUnsafe, "unsafe path: f/x: leads through f, a whiteout"},
		{"symlink over a directory", tarOf(reg("d/x", ""), link(tar.TypeSymlink, "d", "../out"), reg("d/y", "")), ErrUnsafe, "unsafe path: d: has entries below it and is no directory"},
		{"directory, then a symlink", tarOf(dirOf("d"), link(tar.TypeSymlink, "d", "../out")), ErrUnsafe, "unsafe path: d: stands twice"},
		{"file twice", tarOf(reg("f", "1"), reg("f", "2")), ErrUnsafe, "unsafe path: f: stands twice"},
		{"directory twice", tarOf(dirOf("d"), dirOf("./d/")), ErrUnsafe, "unsafe path: d: stands twice"},
		{"file and whiteout", tarOf(reg("f", ""), reg(".wh.f", "")), ErrUnsafe, "unsafe path: f: stands twice"},
		{"hard link out", tarOf(link(tar.TypeLink, "h", "../out/canary")), ErrUnsafe, "unsafe path: ../out/canary: holds .."},
		{"absolute hard link", tarOf(link(tar.TypeLink, "h", "/etc/passwd")), ErrUnsafe, "unsafe path: /etc/passwd: absolute"},
		{"hard link to nothing", tarOf(link(tar.TypeLink, "h", "f"), reg("f", "")), ErrUnsafe, "unsafe path: h: hard link to f, which is no earlier file"},
		{"hard link to a directory", tarOf(dirOf("d"), link(tar.TypeLink, "h", "d")), ErrUnsafe, "hard link to d, which is no earlier file"},
		{"hard link through a symlink", tarOf(link(tar.TypeSymlink, "l", "../out"), link(tar.TypeLink, "h", "l/canary")), ErrUnsafe, "hard link to l/canary, which is no earlier file"},
		{"whiteout with bytes", tarOf(reg(".wh.f", "x")), ErrUnsafe, "a whiteout that is no empty file"},
		{"whiteout of dots", tarOf(reg("a/.wh...", "")), ErrUnsafe, "unsafe path: a/..: holds .."},
		{"whiteout of nothing", tarOf(reg(".wh.", "")), ErrUnsafe, "a whiteout of no known meaning"},
		{"whiteout of a whiteout", tarOf(reg(".wh..wh.plnk", "")), ErrUnsafe, "a whiteout of no known meaning"},
		{"symlink without a target", raw(link(tar.TypeSymlink, "l", "x"), 157, "\x00"), ErrUnsafe, "l: bad link target"},
		{"overlay attribute", tarOf(pax(reg("f", ""), map[string]string{"SCHILY.xattr.user.overlay.redirect": "/etc"})), ErrUnsafe, "extended attribute user.overlay.redirect"},
		{"unknown type", raw(reg("f", ""), 156, "7"), ErrUnsafe, "unknown type '7'"},
		{"global header", globalHeader, ErrUnsafe, "unknown type 'g'"},
		{"terminal codes", tarOf(reg("../\x1b[2J", "")), ErrUnsafe, `unsafe path: "../\x1b[2J": holds ..`},
		{"long component", tarOf(reg(strings.Repeat("x", 256), "")), ErrLimit, "has 256 bytes, at most 255"},
		{"long path", tarOf(reg(strings.Repeat(strings.Repeat("x", 200)+"/", 21)+"x", "")), ErrLimit, "has 4222 bytes, at most 4095"},
		{"100,000 deep", tarOf(reg(deep, "")), ErrLimit, "over the limit: "},
		{"256 deep", tarOf(reg(strings.Repeat("d/", 255)+"x", "")), ErrLimit, "over the limit: depth: d/d/d/d/"},
		{"too many", tarOf(reg("1", ""), reg("2", ""), reg("3", ""), reg("4", "")), ErrLimit, "over the limit: entries: more than 3"},
		{"too large", tarOf(reg("1", "12345"), reg("2", "123456")), ErrLimit, "over the limit: size: 2: files of more than 10 bytes together"},
		{"bomb", tarHead(sized(reg("1", ""), 1<<40)), ErrLimit, "over the limit: size: 1: files of more than 10 bytes"},
		{"old GNU sparse", oldSparse(1), ErrLimit, "over the limit: size: sparse: sparse file"},
		{"PAX sparse", paxSparse, ErrLimit, "over the limit: size: s: sparse file"},
		{"endless padding", endlessPadding, ErrLimit, "padding of more than"},
		{"data after the end", func(t *testing.T) []byte { return append(makeTar(t, reg("1", "")), "x"...) }, nil, "data after the end of the archive"},
		{"cut in a file", func(t *testing.T) []byte { return makeTar(t, reg("1", "123"))[:514] }, io.ErrUnexpectedEOF, "unexpected EOF"},
		{"not a tar", func(*testing.T) []byte { return bytes.Repeat([]byte("no tar "), 100) }, tar.ErrHeader, "first entry: archive/tar: invalid tar header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := c.tar(t)
			dir, check := arena(t)
			limits := Limits{Entries: 3, Bytes: 10}
			l, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{Limits: limits})
			check()
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || l != nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func tarOf(members ...member) func(*testing.T) []byte {
	return func(t *testing.T) []byte { return makeTar(t, members...) }
}

// tarHead returns a header without its content.
func tarHead(m member) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		var b bytes.Buffer
		h := m.Header
		h.Typeflag = tar.TypeReg
		if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}

// raw changes bytes in a member's header and repairs its checksum.
func raw(m member, at int, with string) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		b := makeTar(t, m)
		copy(b[at:], with)
		seal(b)
		return b
	}
}

// seal writes a header block's checksum.
func seal(b []byte) {
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func globalHeader(t *testing.T) []byte {
	var b bytes.Buffer
	h := tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"path": "../out/x"}}
	if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), makeTar(t, reg("f", ""))...)
}

// chain repeats one large extension header, which archive/tar bounds by itself but not in number.
func chain(t *testing.T) []byte {
	one := makeTar(t, pax(reg("f", ""), map[string]string{"PBUILD.x": strings.Repeat("x", 1000<<10)}))
	end := len(one) - 3*512 // the file's own header and the end of the archive
	return append(bytes.Repeat(one[:end], 20), one[end:]...)
}

// oldSparse is a file in GNU's old sparse form whose map goes on over n blocks,
// each of 21 entries.
func oldSparse(n int) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		b := make([]byte, 512, 512*(n+4))
		copy(b, "sparse")
		copy(b[100:], "0000644\x000000000\x000000000\x0000000000000\x0007346545000\x00")
		b[156] = 'S'
		copy(b[257:], "ustar  \x00")
		for i := range 4 {
			copy(b[386+24*i:], fmt.Sprintf("%011o\x00%011o\x00", 0, 0))
		}
		b[482] = 1
		copy(b[483:], fmt.Sprintf("%011o\x00", 0))
		seal(b)
		for i := range n {
			var ext [512]byte
			for j := range 21 {
				copy(ext[24*j:], fmt.Sprintf("%011o\x00%011o\x00", 0, 0))
			}
			if i < n-1 {
				ext[504] = 1
			}
			b = append(b, ext[:]...)
		}
		return append(b, make([]byte, 1024)...)
	}
}

// paxSparse is a file in GNU's sparse form 1.0, as GNU tar -S --format=pax writes it:
// archive/tar's Writer refuses to make one, so its PAX record is renamed afterwards.
func paxSparse(t *testing.T) []byte {
	data := "1\n0\n1\n" + strings.Repeat("\x00", 506) + "x"
	b := makeTar(t, pax(reg("s", data), map[string]string{
		"XNU.sparse.major": "1", "XNU.sparse.minor": "0", "XNU.sparse.name": "s", "XNU.sparse.realsize": "1",
	}))
	return bytes.ReplaceAll(b, []byte("XNU."), []byte("GNU."))
}

func endlessPadding(t *testing.T) []byte {
	return append(makeTar(t, reg("1", "")), make([]byte, maxTrailer+1)...)
}

// Old versions of archive/tar keep all of an old GNU sparse map in memory
// (CVE-2026-32288); newer ones and this package bound it.
func TestUnpackBoundsHeaders(t *testing.T) {
	for _, c := range []struct {
		name string
		tar  func(*testing.T) []byte
		want []string
	}{
		{"old GNU sparse map", oldSparse(100_000), []string{"headers of one entry take more than", "sparse map too long"}},
		{"chain", chain, []string{"over the limit: size: headers of one entry take more than"}},
	} {
		b := c.tar(t)
		dir, check := arena(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{})
		runtime.ReadMemStats(&after)
		check()
		if err == nil || !slices.ContainsFunc(c.want, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 40<<20 {
			t.Errorf("%s: %d bytes were allocated for %d", c.name, got, len(b))
		}
	}
}
