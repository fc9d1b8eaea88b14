package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// listing returns mode, size and path of all below dir; size of files only.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		fmt.Fprintf(&b, "%s %d %s\n", info.Mode(), size, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const freshStore = `drwx------ 0 .
drwx------ 0 blobs
drwx------ 0 blobs/sha256
-rw-r--r-- 15 format
-rw-r--r-- 233 index.json
drwx------ 0 journal
drwx------ 0 locks
-rw------- 0 locks/db
-rw------- 0 locks/db-turn
-rw------- 0 locks/gc
-rw------- 0 locks/journal
-rw------- 0 locks/roots
-rw-r--r-- 30 oci-layout
drwx------ 0 quarantine
-rw------- 67108864 reserve
drwx------ 0 roots
drwx------ 0 tmp
drwx------ 0 trees
`

const freshIndex = `{
	"schemaVersion": 2,
	"mediaType": "application/vnd.oci.image.index.v1+json",
	"manifests": [],
	"annotations": {
		"io.github.fuel-infra.pbuild.seal": "sha256:dff9de10919148711140d349bf03f1a99eb06f94b03e51715ccebfa7cdc518e2"
	}
}
`

func TestOpenMakesTheLayout(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openStore(t, dir)
	if diff := cmp.Diff(freshStore, listing(t, dir)); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		formatFile: "pbuild store 1\n", "oci-layout": `{"imageLayoutVersion":"1.0.0"}`, indexFile: freshIndex,
	} {
		if diff := cmp.Diff(want, string(must(os.ReadFile(s.path(name))))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	info := must(os.Stat(s.path(reserveFile)))
	if got := info.Sys().(*syscall.Stat_t).Blocks * 512; got < reserveSize {
		t.Errorf("the reserve holds %d bytes of the disk, want %d", got, reserveSize)
	}
	before := must(os.Stat(s.path(formatFile)))
	again := openStore(t, dir)
	if again.Dir() != dir {
		t.Errorf("Dir() = %s, want %s", again.Dir(), dir)
	}
	if !os.SameFile(before, must(os.Stat(s.path(formatFile)))) {
		t.Error("the second Open has written the layout again")
	}
	wantClean(t, again)
}

func TestOpenCompletesAHalfMadeStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, blobsDir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	realize(t, s, "hello", "a")
	wantClean(t, s)
}

func TestOpenRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	s := openStore(t, "store")
	t.Chdir("/")
	realize(t, s, "hello", "a")
	wantClean(t, s)
}

func TestOpenRefuses(t *testing.T) {
	base := t.TempDir()
	write := func(path, text string) string {
		path = filepath.Join(base, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := filepath.Dir(write("newer/format", "pbuild store 2\n"))
	older := filepath.Dir(write("older/format", "pbuild store 0\n"))
	odd := filepath.Dir(write("odd/format", "pbuild store one\n"))
	full := filepath.Dir(write("home/.bashrc", "x"))
	file := write("file", "x")
	for _, c := range []struct {
		dir, want string
		is        error
	}{
		{newer, "store " + newer + ": layout 2, this pbuild knows 1: not a store of a known layout: a newer pbuild made it", ErrFormat},
		{older, "store " + older + `: format file reads "pbuild store 0\n": not a store of a known layout`, ErrFormat},
		{odd, "store " + odd + `: format file reads "pbuild store one\n": not a store of a known layout`, ErrFormat},
		{full, "store " + full + `: holds ".bashrc": not a store of a known layout`, ErrFormat},
		{file, "store " + file + ": not a directory", unix.ENOTDIR},
		{filepath.Join(file, "x"), "store " + filepath.Join(file, "x") + ": not a directory", unix.ENOTDIR},
	} {
		before := listing(t, base)
		_, err := Open(c.dir)
		if !errors.Is(err, c.is) || err.Error() != c.want {
			t.Errorf("Open(%s):\n got %v\nwant %s", c.dir, err, c.want)
		}
		if diff := cmp.Diff(before, listing(t, base)); diff != "" {
			t.Errorf("Open(%s) left traces: %s", c.dir, diff)
		}
	}
}

// TestOpenUnreachable opens a store below a directory that this user may not
// pass; root does so with another user's file system identity.
func TestOpenUnreachable(t *testing.T) {
	closed := filepath.Join(sharedDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func() error {
		_, err := Open(filepath.Join(closed, "store"))
		return err
	}
	if os.Geteuid() != 0 {
		must(0, os.Chmod(closed, 0))
		defer os.Chmod(closed, 0o700)
	}
	err := asNobody(t, open)
	want := "store " + closed + "/store: permission denied"
	if !errors.Is(err, fs.ErrPermission) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOpenAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var wait []func() error
	for range 8 {
		cmd := roleCommand(t, "open", dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait = append(wait, cmd.Wait)
	}
	for _, w := range wait {
		if err := w(); err != nil {
			t.Error(err)
		}
	}
	wantClean(t, openStore(t, dir))
	if diff := cmp.Diff(freshStore, listing(t, dir)); diff != "" {
		t.Error(diff)
	}
}
