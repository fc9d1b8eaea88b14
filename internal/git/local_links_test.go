package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// TestLocalLinks: a repository that a person names may have symbolic links to their files
// where git has objects and refs (CVE-2022-39253, CVE-2024-32020). What they lead to is
// neither told nor copied, and nothing that is checked out is another name of a file of
// the repository.
func TestLocalLinks(t *testing.T) {
	t.Parallel()
	const words = "a-secret-that-is-no-object"
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(words+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRepo(t)
	id := r.commit("main", "x", content{"a": "alpha"})
	blob := r.object("blob", "beta")
	linked := r.commitOf(r.treeOf([3]string{modeFile, "b", blob}))
	object := filepath.Join(r.dir, "objects", blob[:2], blob[2:])
	if err := errors.Join(os.Remove(object), os.Symlink(secret, object), os.Symlink(secret, filepath.Join(r.dir, "refs/heads/evil"))); err != nil {
		t.Fatal(err)
	}
	c := newClient(t)
	dir := t.TempDir()
	_, err := c.Checkout(t.Context(), Remote{Local: r.dir}, linked, Options{}, dir)
	if err == nil || strings.Contains(err.Error(), words) {
		t.Errorf("a linked object: %v", err)
	}
	_, _, err = c.Resolve(t.Context(), Remote{Local: r.dir}, "evil")
	wantError(t, err, "fetch "+r.dir+": ref evil not found")
	// What does not need the links is there, as files of its own.
	dir = t.TempDir()
	if _, err := c.Checkout(t.Context(), Remote{Local: r.dir}, id, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if d.Type() != 0 || string(text) != "alpha" {
			t.Errorf("%s: %v %q", name, d, text)
		}
		return err
	})
	if text, readErr := os.ReadFile(secret); err != nil || readErr != nil || string(text) != words+"\n" {
		t.Errorf("%v, %q, %v", err, text, readErr)
	}
}

// TestVeryDeep: a tree far deeper than git itself goes by now (CVE-2026-44028) is an error,
// and costs pbuild no more memory than another. One of 100,000 is too, but for git before
// 2.46 it takes minutes.
func TestVeryDeep(t *testing.T) {
	t.Parallel()
	const depth = 3000
	r := newRepo(t)
	var objects bytes.Buffer
	z := zlib.NewWriter(nil) // one for all: it is large
	add := func(kind byte, name string, body []byte) (id string) {
		size := len(body) // a variable-length number, the kind in the first byte (gitformat-pack)
		b := kind<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			objects.WriteByte(b | 0x80)
			b = byte(size & 0x7f)
		}
		objects.WriteByte(b)
		z.Reset(&objects)
		z.Write(body)
		z.Close()
		return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", name, len(body), body)))
	}
	id := add(3, "blob", []byte("x"))
	mode := modeFile
	for range depth {
		id = add(2, "tree", []byte(mode+" d\x00"+unhex(id)))
		mode = "40000"
	}
	commit := add(1, "commit", fmt.Appendf(nil, "tree %s\nauthor A <a@example.org> %d +0000\ncommitter A <a@example.org> %d +0000\n\nx\n", id, when, when))
	pack := append([]byte("PACK"), 0, 0, 0, 2)
	pack = binary.BigEndian.AppendUint32(pack, depth+2)
	pack = append(pack, objects.Bytes()...)
	sum := sha1.Sum(pack)
	plainGit(t, r.dir, string(append(pack, sum[:]...)), "index-pack", "--stdin")
	if err := os.WriteFile(filepath.Join(r.dir, "refs/heads/main"), []byte(commit+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, commit, Options{}, t.TempDir())
	runtime.ReadMemStats(&after)
	if !errors.Is(err, tree.ErrLimit) {
		t.Errorf("%v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MB were allocated", got>>20)
	}
}
