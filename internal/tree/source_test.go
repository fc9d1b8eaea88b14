package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// sourceText is what the digest of sourceItems covers.
const sourceText = `pbuild tree 1
f	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855	.hidden
d	debian
d	debian-x
x	2d7d14424883f3f5186659c2a6cba151b9401c41e49dc9cfcbc17011d5605cd5	debian/rules
f	03c4e285eeb6bfae88321f9cc05ef584f2bd44ddac8dadbdb4293390f12a5eaa	group-x
f	2ad75d95660563887d8d3f1d0ae1dcf18c2379cbd83a5c72f5ab276351ee6949	hello.c
l	debian/rules	link
l	../../etc/passwd	"\u00fcn\u00ef"
`

var sourceItems = []item{
	{kind: Dir, path: "debian", mode: 0o700},
	{kind: File, path: "debian/rules", mode: 0o700, data: "#!/usr/bin/make -f\n"},
	{kind: Dir, path: "debian-x", mode: 0o777},
	{kind: File, path: ".hidden", mode: 0o600},
	{kind: File, path: "hello.c", mode: 0o664, data: "int main(void) { return 0; }\n"},
	{kind: File, path: "group-x", mode: 0o654, data: "only others may run it\n"},
	{kind: Symlink, path: "link", data: "debian/rules"},
	{kind: Symlink, path: "ünï", data: "../../etc/passwd"},
}

const sourceDigest = "sha256:66876ab01e905469779805b194a5cd557bd19efa25345c0b808a525e1d4b939b"

func sourceFS(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root.FS()
}

func TestSourceDigest(t *testing.T) {
	if got := digest.Of([]byte(sourceText)).String(); got != sourceDigest {
		t.Errorf("the text has %s", got)
	}
	for _, mask := range []int{0, 0o077} {
		old := syscall.Umask(mask)
		dir := makeLayerTree(t, sourceItems)
		syscall.Umask(old)
		got, err := Digest(sourceFS(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != sourceDigest {
			t.Errorf("umask %o: %s", mask, got)
		}
	}
}

// Each change of what counts changes the digest, nothing else does.
func TestSourceDigestCovers(t *testing.T) {
	base := func() fstest.MapFS {
		return fstest.MapFS{
			"a": {Data: []byte("1"), Mode: 0o644}, "d": {Mode: fs.ModeDir | 0o755},
			"l": {Data: []byte("a"), Mode: fs.ModeSymlink | 0o777},
		}
	}
	seen := map[digest.Digest]string{}
	for name, change := range map[string]func(fstest.MapFS){
		"nothing":         func(fstest.MapFS) {},
		"content":         func(m fstest.MapFS) { m["a"].Data = []byte("2") },
		"executable":      func(m fstest.MapFS) { m["a"].Mode = 0o744 },
		"name":            func(m fstest.MapFS) { m["b"] = m["a"]; delete(m, "a") },
		"empty directory": func(m fstest.MapFS) { delete(m, "d") },
		"target":          func(m fstest.MapFS) { m["l"].Data = []byte("d") },
		"kind":            func(m fstest.MapFS) { m["l"].Mode = 0o644 },
		"more":            func(m fstest.MapFS) { m[".git/config"] = &fstest.MapFile{} },
		"newline":         func(m fstest.MapFS) { m["d\nd\te"] = &fstest.MapFile{} },
	} {
		m := base()
		change(m)
		d, err := Digest(m)
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[d]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	for name, change := range map[string]func(fstest.MapFS){
		"time":        func(m fstest.MapFS) { m["a"].ModTime = time.Now() },
		"other modes": func(m fstest.MapFS) { m["a"].Mode = 0o677; m["d"].Mode = fs.ModeDir | 0o700 },
		"setuid":      func(m fstest.MapFS) { m["a"].Mode = fs.ModeSetuid | 0o644 },
	} {
		m := base()
		change(m)
		if d, err := Digest(m); err != nil || seen[d] != "nothing" {
			t.Errorf("%s changed the digest: %v", name, err)
		}
	}
}

// TestSourceTooLarge: a file of nothing but a hole is as long as it says.
func TestSourceTooLarge(t *testing.T) {
	dir := makeLayerTree(t, []item{{kind: File, path: "large", mode: 0o644}})
	if err := os.Truncate(dir+"/large", defaultBytes+1); err != nil {
		t.Fatal(err)
	}
	fsys := sourceFS(t, dir)
	_, digestErr := Digest(fsys)
	for what, err := range map[string]error{
		"source": digestErr, "materialize": Materialize(fsys, t.TempDir(), time.Unix(epoch, 0)),
		"pack": PackSource(new(bytes.Buffer), fsys, time.Unix(epoch, 0)),
	} {
		if want := " large: over the limit: size: more than 17179869184 bytes"; !errors.Is(err, ErrLimit) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSourceRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func(dir string) error
	}{
		{"fifo", "source: d/fifo: a fifo can't be part of a source", func(dir string) error { return unix.Mkfifo(dir+"/d/fifo", 0o600) }},
		{"device", "source: d/null: a device can't be part of a source", func(dir string) error { return unix.Mknod(dir+"/d/null", unix.S_IFCHR, 0) }},
		{"socket", "source: d/sock: a socket can't be part of a source", func(dir string) error { return unix.Mknod(dir+"/d/sock", unix.S_IFSOCK|0o600, 0) }},
		{"name", `source: "caf\xe9": a name that is not UTF-8`, func(dir string) error { return os.WriteFile(dir+"/caf\xe9", nil, 0o600) }},
		{"depth", "source: over the limit: depth: d/d/", func(dir string) error { return os.MkdirAll(dir+strings.Repeat("/d", 256), 0o700) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := makeLayerTree(t, []item{{kind: Dir, path: "d", mode: 0o755}})
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			fsys := sourceFS(t, dir)
			_, digestErr := Digest(fsys)
			to := t.TempDir()
			for what, err := range map[string]error{
				"Digest": digestErr, "Materialize": Materialize(fsys, to, time.Unix(epoch, 0)),
				"PackSource": PackSource(new(bytes.Buffer), fsys, time.Unix(epoch, 0)),
			} {
				if err == nil || !strings.HasPrefix(err.Error(), c.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if left := listing(t, to); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

var materialized = []string{
	".hidden -rw-r--r--", "debian drwxr-xr-x", "debian/rules -rwxr-xr-x", "debian-x drwxr-xr-x", "group-x -rw-r--r--",
	"hello.c -rw-r--r--", "link Lrwxrwxrwx debian/rules", "ünï Lrwxrwxrwx ../../etc/passwd",
}

func TestMaterialize(t *testing.T) {
	src := sourceFS(t, makeLayerTree(t, sourceItems))
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := t.TempDir()
	if err := Materialize(src, dir, time.Unix(1234567890, 999)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(materialized, listing(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !info.ModTime().Equal(time.Unix(1234567890, 0)) {
			t.Errorf("%s: time %v", p, info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Error(info.Mode(), err)
	}
	if got, err := Digest(sourceFS(t, dir)); err != nil || got.String() != sourceDigest {
		t.Errorf("the copy has %s, %v", got, err)
	}
	if err := Materialize(src, dir, time.Unix(0, 0)); err == nil || err.Error() != "copy .hidden: file exists" {
		t.Errorf("into a full directory: %v", err)
	}
}

func TestPackSource(t *testing.T) {
	var b bytes.Buffer
	if err := PackSource(&b, sourceFS(t, makeLayerTree(t, sourceItems)), time.Unix(1234567890, 999)); err != nil {
		t.Fatal(err)
	}
	if got, want := digest.Of(b.Bytes()).String(), "sha256:44ce67dfa646c12bc679d1164715734f20cb9d62cb7aba0b9261c0fe62e8141c"; got != want {
		t.Errorf("tar: %s, want %s", got, want)
	}
	dir, check := arena(t)
	if _, err := Unpack(context.Background(), &b, dir, UnpackOptions{}); err != nil {
		t.Fatal(err)
	}
	check()
	if diff := cmp.Diff(materialized, listing(t, dir)); diff != "" {
		t.Fatal(diff)
	}
	if got, err := Digest(sourceFS(t, dir)); err != nil || got.String() != sourceDigest {
		t.Errorf("the copy has %s, %v", got, err)
	}
}

// locked is a tree in which one file can't be opened.
type locked struct {
	fs.FS
	name string
}

func (f locked) Open(name string) (fs.File, error) {
	if name == f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.FS.Open(name)
}

// TestDigestMany: a large tree, whose files are read at the same time.
func TestDigestMany(t *testing.T) {
	files := fstest.MapFS{}
	var names []string
	for i := range 3 * manyEntries {
		name := fmt.Sprintf("file-%04d", i)
		names = append(names, name)
		files[name] = &fstest.MapFile{Data: fmt.Appendf(nil, "%d", i), Mode: 0o644}
	}
	files["file-0007"].Data = bytes.Repeat([]byte("seven"), 100_000)
	text := sourceHead
	for _, name := range names {
		text += "f\t" + digest.Of(files[name].Data).Hex() + "\t" + name + "\n"
	}
	got, kept, err := DigestKeep(files, "file-0007", "file-0500", "absent")
	if want := digest.Of([]byte(text)); got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if len(kept) != 2 || !bytes.Equal(kept["file-0007"], files["file-0007"].Data) || string(kept["file-0500"]) != "500" {
		t.Errorf("kept %d files", len(kept))
	}
	if _, _, err := DigestKeep(locked{files, "file-0400"}); !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "source: file-0400: ") {
		t.Errorf("%v", err)
	}
	files["file-0001"].Data = make([]byte, maxKept+1)
	if _, _, err := DigestKeep(files, "file-0001"); err == nil || err.Error() != fmt.Sprintf("source: file-0001: %d bytes: more than %d", maxKept+1, maxKept) {
		t.Errorf("%v", err)
	}
}
