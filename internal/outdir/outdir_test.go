package outdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree makes a directory with one of ours in it, and links of root's and of another
// user's to that. Only root can make the latter.
func tree(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, "real/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"own": "real", "theirs": "real", "real/up": "../own/deep", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(filepath.Join(top, "theirs"), 65533, 65533); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func text(f *os.File) error {
	_, err := f.WriteString("text\n")
	return err
}

// TestPut: where a file comes out, and where none does.
func TestPut(t *testing.T) {
	top := tree(t)
	for dir, place := range map[string]string{
		"real":                 "real",
		"own":                  "real",
		"own/deep":             "real/deep",
		"real/up/new/er":       "real/deep/new/er",
		"real/up/../sibling":   "real/sibling",
		"./own//deep/../other": "real/other",
	} {
		if err := Put(filepath.Join(top, "own")+"/../"+dir, "file", text); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		file := filepath.Join(top, place, "file")
		body, err := os.ReadFile(file)
		if err != nil || string(body) != "text\n" {
			t.Errorf("%s: %q %v", dir, body, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v %v", dir, info, err)
		}
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
	if err := Put(filepath.Join(top, "loop"), "file", text); err == nil || os.Geteuid() == 0 && !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop: %v", err)
	}
	failed := errors.New("made up")
	if err := Put(filepath.Join(top, "real"), "file", func(*os.File) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(top, "real", ".file*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

// TestForeignLinks: root follows no link of another user's, and says which it is; a
// user follows all.
func TestForeignLinks(t *testing.T) {
	top := tree(t)
	outside := filepath.Join(top, "victim")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../victim", filepath.Join(top, "real/events")); err != nil {
		t.Fatal(err)
	}
	root := os.Geteuid() == 0
	if root {
		if err := os.Lchown(filepath.Join(top, "real/events"), 65533, 65533); err != nil {
			t.Fatal(err)
		}
	}
	open := func(path string) error {
		f, err := OpenFile(path)
		if err == nil {
			err = f.Close()
		}
		return err
	}
	for what, err := range map[string]error{
		"theirs":      Put(filepath.Join(top, "theirs"), "file", text),
		"theirs/deep": Put(filepath.Join(top, "theirs/deep"), "file", text),
		"real/events": open(filepath.Join(top, "real/events")),
		"theirs/x":    open(filepath.Join(top, "theirs/x")),
	} {
		if root != errors.Is(err, ErrForeignLink) || !root && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if link := filepath.Join(top, strings.TrimSuffix(strings.TrimSuffix(what, "/x"), "/deep")); root && err != nil && !strings.HasPrefix(err.Error(), link+": ") {
			t.Errorf("%s: does not name %s: %v", what, link, err)
		}
	}
	body, err := os.ReadFile(outside)
	if want := map[bool]string{true: "precious", false: ""}[root]; err != nil || string(body) != want {
		t.Errorf("the file behind the link: %q %v", body, err)
	}
	if _, err := os.Lstat(filepath.Join(top, "real/file")); root && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written behind a link: %v", err)
	}
}

// TestOpenFile: pipes and devices.
func TestOpenFile(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := OpenFile(pipe)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || err.Error() != pipe+": nobody reads this pipe" {
			t.Errorf("a pipe: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("waits for somebody to read")
	}
	absent := filepath.Join(filepath.Dir(pipe), "absent/file")
	if _, err := OpenFile(absent); err == nil || err.Error() != "open "+absent+": no such file or directory" {
		t.Errorf("a folder that is absent: %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer in.Close()
	for _, path := range []string{pipe, "/dev/null", fmt.Sprintf("/dev/fd/%d", in.Fd())} {
		f, err := OpenFile(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
