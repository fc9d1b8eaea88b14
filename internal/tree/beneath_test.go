package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// beneathFixture makes a directory with all kinds of files, and links that stay
// inside and that don't, beside a file that is nobody's business.
func beneathFixture(t testing.TB) (dir string) {
	t.Helper()
	above := t.TempDir()
	dir = filepath.Join(above, "dir")
	for name, body := range map[string]string{
		"secret": "secret", "dir/file": "body\n", "dir/empty": "", "dir/sub/deep/file": "deep\n", "dir/large": string(make([]byte, 70000)),
	} {
		name = filepath.Join(above, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(body), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"in": "sub/deep/file", "sub/up": "../file", "folder": "sub/deep", "out": "../secret", "sub/out": "../../secret",
		"absolute": "/etc/passwd", "self": "self", "dangling": "nothing", "roundabout": "../dir/file",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{"empty": 0o711, "large": 0o600 | fs.ModeSetuid, "sub": 0o700 | fs.ModeSticky | fs.ModeSetgid} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBeneath: it is what an os.Root's FS is, also about what leads outside.
func TestBeneath(t *testing.T) {
	dir := beneathFixture(t)
	open, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	want, got := root.FS(), Beneath(open)
	same := func(what, name string, a, b any, aErr, bErr error) {
		t.Helper()
		if why, ok := bErr.(*fs.PathError); bErr != nil && (!ok || why.Path != name) {
			t.Errorf("%s %s: %#v is no error of that path", what, name, bErr)
		}
		if cause(aErr) != cause(bErr) || a != b {
			t.Errorf("%s %s: %v, %v; os.Root: %v, %v", what, name, b, bErr, a, aErr)
		}
	}
	names := []string{
		".", "file", "empty", "large", "sub", "sub/deep", "sub/deep/file", "in", "sub/up", "folder", "folder/file", "out", "sub/out", "absolute", "self",
		"dangling", "roundabout", "fifo", "nothing", "file/x", "nothing/x",
	}
	for _, name := range names {
		a, aErr := fs.Lstat(want, name)
		b, bErr := fs.Lstat(got, name)
		same("lstat", name, described(a), described(b), aErr, bErr)
		a, aErr = fs.Stat(want, name)
		b, bErr = fs.Stat(got, name)
		same("stat", name, described(a), described(b), aErr, bErr)
		x, aErr := fs.ReadLink(want, name)
		y, bErr := fs.ReadLink(got, name)
		same("readlink", name, x, y, aErr, bErr)
		if name == "fifo" {
			continue // reading it would wait for who writes
		}
		p, aErr := fs.ReadFile(want, name)
		q, bErr := fs.ReadFile(got, name)
		same("read", name, string(p), string(q), aErr, bErr)
		q, bErr = readOpened(got, name)
		same("open", name, string(p), string(q), aErr, bErr)
		e, aErr := fs.ReadDir(want, name)
		f, bErr := fs.ReadDir(got, name)
		same("readdir", name, listed(t, e), listed(t, f), aErr, bErr)
	}
	for _, name := range []string{"", "/", "/etc", "..", "../secret", "sub/../file", "file\x00", "./file"} {
		for what, err := range map[string]error{
			"open": second(got.Open(name)), "stat": second(fs.Stat(got, name)), "readlink": second(fs.ReadLink(got, name)),
			"read": second(fs.ReadFile(got, name)), "readdir": second(fs.ReadDir(got, name)),
		} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
	a, aErr := Digest(os.DirFS(filepath.Join(dir, "sub")))
	sub, err := fs.Sub(got, "sub")
	if err != nil {
		t.Fatal(err)
	}
	b, bErr := Digest(sub)
	if a != b || aErr != nil || bErr != nil {
		t.Errorf("digest %s, %v, want %s, %v", b, bErr, a, aErr)
	}
	for _, name := range []string{"out", "absolute", "self", "dangling", "fifo", "roundabout"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "sub/out")); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(got, "file", "sub/deep/file", "in", "large"); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// cause is what an error says of the cause.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if err == nil {
		return ""
	}
	return err.Error()
}

func described(i fs.FileInfo) string {
	if i == nil {
		return ""
	}
	return fs.FormatFileInfo(i)
}

func listed(t *testing.T, entries []fs.DirEntry) (s string) {
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Error(err)
		}
		s += fs.FormatDirEntry(e) + " " + described(i) + "\n"
	}
	return s
}

func readOpened(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(f)
	if len(body) == 0 {
		body = nil
	}
	return body, err
}
