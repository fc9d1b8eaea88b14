package tree

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// epoch is the time of all that the fixtures make, unless they say otherwise.
const epoch = 1_000_000_000

// item is a path to make on disk; kinds as in Entry.
type item struct {
	kind  Kind
	path  string
	mode  uint32
	data  string // content, or the target of a link
	mtime int64  // 0: epoch
}

// makeItems makes the items in dir, in their order, then sets directories'
// modes and times, deepest first.
func makeItems(t testing.TB, dir string, items []item) {
	t.Helper()
	for _, it := range items {
		p := filepath.Join(dir, it.path)
		var err error
		switch it.kind {
		case Dir:
			err = os.MkdirAll(p, 0o700)
		case File:
			if err = os.MkdirAll(filepath.Dir(p), 0o700); err == nil {
				if err = os.WriteFile(p, []byte(it.data), 0o600); err == nil {
					err = unix.Chmod(p, it.mode)
				}
			}
		case Symlink:
			err = os.Symlink(it.data, p)
		case HardLink:
			err = os.Link(filepath.Join(dir, it.data), p)
		case FIFO:
			if err = unix.Mkfifo(p, 0o600); err == nil {
				err = unix.Chmod(p, it.mode)
			}
		case Whiteout:
			err = unix.Mknod(p, unix.S_IFCHR, 0)
		case Opaque:
			err = unix.Setxattr(p, opaqueXattr, []byte("y"), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	byPath := slices.Clone(items)
	slices.SortStableFunc(byPath, func(a, b item) int { return -bytes.Compare([]byte(a.path), []byte(b.path)) })
	for _, it := range byPath {
		if it.kind == Opaque {
			continue
		}
		mtime := it.mtime
		if mtime == 0 {
			mtime = epoch
		}
		p := filepath.Join(dir, it.path)
		ts := unix.Timespec{Sec: mtime, Nsec: 0}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, p, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			t.Fatal(err)
		}
		if it.kind == Dir {
			if err := unix.Chmod(p, it.mode); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(p, 0o700) })
		}
	}
}

// member is one header of a handmade tar.
type member struct {
	tar.Header
	data string
}

// makeTar writes members as they are, without any of the package's checks.
func makeTar(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg && h.Size == 0 {
			h.Size = int64(len(m.data))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(epoch, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reg(name, data string) member { return member{tar.Header{Name: name}, data} }

func dirOf(name string) member {
	return member{Header: tar.Header{Name: name, Typeflag: tar.TypeDir}}
}

func link(kind byte, name, target string) member {
	return member{Header: tar.Header{Name: name, Typeflag: kind, Linkname: target}}
}

// text returns a ledger's text form.
func text(t testing.TB, l Ledger) string {
	t.Helper()
	var b bytes.Buffer
	n, err := l.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Fatalf("WriteTo returned %d and wrote %d", n, b.Len())
	}
	return b.String()
}

// listing returns what stands on disk below dir: a line a path with kind, mode and link target.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if os.IsPermission(err) {
			return nil // a directory closed to its owner: it was listed itself before
		}
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := rel + " " + info.Mode().String()
		if d.Type()&os.ModeSymlink != 0 {
			target, _ := os.Readlink(p)
			line += " " + target
		}
		if rel != "." {
			out = append(out, line)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tarNames returns the names of a tar's members, in their order.
func tarNames(t testing.TB, b []byte) (names []string) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}
