package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestDiff(t *testing.T) {
	want := Ledger{
		{Path: "a", Kind: File, Mode: 0o755, Size: 1, Digest: digest.Of([]byte("a"))},
		{Path: "b", Kind: Dir, Mode: 0o755},
		{Path: "c", Kind: Symlink, Link: "x"},
		{Path: "d", Kind: CharDev, Major: 1, Minor: 3},
		{Path: "e", Kind: Dir, Xattrs: map[string]string{"user.a": "1", "user.b": "2"}},
		{Path: "f\n", Kind: Dir},
	}
	got := Ledger{
		{Path: "a", Kind: File, Mode: 0o644, UID: 1, GID: 4, Size: 2, MTime: 5, Digest: digest.Of([]byte("b"))},
		{Path: "aa", Kind: Dir},
		{Path: "b", Kind: File},
		{Path: "c", Kind: Symlink, Link: "y z\n"},
		{Path: "d", Kind: CharDev, Major: 1, Minor: 5},
		{Path: "e", Kind: Dir, Xattrs: map[string]string{"user.a": "1", "user.c": ""}},
	}
	lines := []string{
		"a: mode 0755 → 0644, owner 0:0 → 1:4, size 1 → 2, time 0 → 5, content sha256:ca978112ca1b → sha256:3e23e8160039",
		"aa: unexpected",
		"b: directory → file",
		`c: link x → "y z\n"`,
		"d: device 1:3 → 1:5",
		"e: xattr user.b, xattr user.c",
		`"f\n": missing`,
	}
	if diff := cmp.Diff(lines, Diff(want, got)); diff != "" {
		t.Fatal(diff)
	}
	if got := Diff(want, want); got != nil {
		t.Fatal(got)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(dir string) error
		want   []string
		full   bool // only CheckFull sees it
	}{
		{"nothing", func(string) error { return nil }, nil, false},
		{"file gone", func(d string) error { return os.Remove(d + "/big") }, []string{"big: missing"}, false},
		{"directory gone", func(d string) error { return os.RemoveAll(d + "/usr/bin") }, []string{"usr/bin/a-link: missing", "usr/bin/su: missing", "usr/bin: missing"}, false},
		{"mode", func(d string) error { return os.Chmod(d+"/big", 0o755) }, []string{"big: mode 0644 → 0755"}, false},
		{"setuid on disk", func(d string) error { return unix.Chmod(d+"/big", 0o4644) }, []string{"big: mode 0644 → 4644"}, false},
		{"cut", func(d string) error { return keepTime(d+"/big", func(p string) error { return os.Truncate(p, 5) }) }, []string{"big: size 640000 → 5"}, false},
		{"time", func(d string) error { return setDiskTime(d+"/big", epoch, 1) }, []string{"big: time 1000000000 → 1000000000.000000001"}, false},
		{"kind", func(d string) error { os.Remove(d + "/big"); return os.Mkdir(d+"/big", 0o755) }, []string{"big: file → directory"}, false},
		{"link", func(d string) error { return relink(d+"/bin", "usr/lib") }, []string{"bin: link usr/bin → usr/lib"}, true},
		{"hard link broken", func(d string) error {
			os.Remove(d + "/usr/bin/su")
			if err := os.WriteFile(d+"/usr/bin/su", []byte("su\n"), 0o700); err != nil {
				return err
			}
			if err := os.Chmod(d+"/usr/bin/su", 0o755); err != nil {
				return err
			}
			return setDiskTime(d+"/usr/bin/su", epoch, 0)
		}, []string{"usr/bin/su: no hard link to usr/bin/a-link"}, false},
		{"byte", func(d string) error {
			return keepTime(d+"/big", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("x"), 640_000), 0o644) })
		}, []string{"big: content sha256:74c3db5147cd → sha256:17397075a32d"}, true},
		{"extra", func(d string) error {
			return keepTime(d+"/usr", func(p string) error { return os.WriteFile(p+"/extra", nil, 0o644) })
		}, []string{"usr/extra: unexpected"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _ := writeLayer(t, Capture{Dir: makeLayerTree(t, layerItems), Owners: layerOwners, Clamp: 1_500_000_000})
			dir := t.TempDir()
			l, err := UnpackLayer(context.Background(), bytes.NewReader(b), dir, UnpackOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o700) })
			if err := c.damage(dir); err != nil {
				t.Fatal(err)
			}
			for i := range l { // the root's and other directories' times moved with the damage
				if l[i].Kind == Dir && !c.full {
					setDiskTime(filepath.Join(dir, l[i].Path), l[i].MTime, 0)
				}
			}
			var cheap, full *DamageError
			errors.As(Check(dir, l), &cheap)
			errors.As(CheckFull(context.Background(), dir, l), &full)
			wantCheap := c.want
			if c.full {
				wantCheap = nil
			}
			if diff := cmp.Diff(wantCheap, lines(cheap)); diff != "" {
				t.Errorf("Check: %s", diff)
			}
			if diff := cmp.Diff(c.want, lines(full)); diff != "" {
				t.Errorf("CheckFull: %s", diff)
			}
		})
	}
}

func lines(e *DamageError) []string {
	if e == nil {
		return nil
	}
	return e.Diff
}

func TestDamageError(t *testing.T) {
	e := &DamageError{Dir: "/t"}
	for i := range 12 {
		e.Diff = append(e.Diff, fmt.Sprintf("p%02d: missing", i))
	}
	s := e.Error()
	if !strings.HasPrefix(s, "tree /t: 12 paths differ: p00: missing; p01: missing; ") || !strings.HasSuffix(s, "; p09: missing; …") {
		t.Error(s)
	}
}

func setDiskTime(path string, sec, nsec int64) error {
	ts := unix.Timespec{Sec: sec, Nsec: nsec}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// keepTime does something to a path and puts its time back, as damage that a stat can't see.
func keepTime(path string, do func(string) error) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if err := do(path); err != nil {
		return err
	}
	return setDiskTime(path, int64(st.Mtim.Sec), int64(st.Mtim.Nsec))
}

func relink(path, target string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := os.Symlink(target, path); err != nil {
		return err
	}
	return setDiskTime(path, epoch, 0)
}
