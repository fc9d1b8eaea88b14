//go:build root

package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestRootStore: whose a store is decides as whom the worker runs.
func TestRootStore(t *testing.T) {
	base := filepath.Dir(newStore(t))
	home, err := ownerOf(home)
	if errors.Is(err, fs.ErrNotExist) {
		if home, err = unusedUID(os.DirFS("/etc")); err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	dir := func(name string) string { return filepath.Join(base, name) }
	for _, d := range []string{"taken", "empty", "full"} {
		if err := os.Mkdir(dir(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chown(dir("taken"), 700456, 0), os.WriteFile(dir("full/x"), nil, 0o644), os.WriteFile(dir("file"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		uid  int
		err  string
	}{
		{"taken", 700456, ""},
		{"empty", home, ""},
		{"new/deeper", home, ""},
		{"full", 0, "store " + dir("full") + ": belongs to root and is not empty: a store belongs to an unprivileged uid"},
		{"file", 0, "store " + dir("file") + ": is no directory"},
	} {
		uid, err := prepareStore(dir(tc.name))
		if uid != tc.uid || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%s: got %d, %v", tc.name, uid, err)
			continue
		}
		if err != nil || tc.name == "taken" {
			continue
		}
		info, err := os.Stat(dir(tc.name))
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o700 || int(s.Uid) != uid || int(s.Gid) != uid {
			t.Errorf("%s: %s of %d:%d", tc.name, info.Mode(), s.Uid, s.Gid)
		}
		if again, err := prepareStore(dir(tc.name)); again != uid || err != nil {
			t.Errorf("%s: then %d, %v", tc.name, again, err)
		}
	}
	// What root's own mistake can't give away: a link to another's directory.
	victim := dir("victim")
	if err := errors.Join(os.Mkdir(victim, 0o711), os.Chmod(victim, 0o711), os.Symlink(victim, dir("link"))); err != nil {
		t.Fatal(err)
	}
	_, err = prepareStore(dir("link"))
	info, statErr := os.Stat(victim)
	if statErr != nil {
		t.Fatal(statErr)
	}
	if want := "store " + dir("link") + ": is a link: what it leads to wants an unprivileged owner first"; err == nil || err.Error() != want ||
		info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm() != 0o711 {
		t.Errorf("through a link: %v; the directory is %d's, %s", err, info.Sys().(*syscall.Stat_t).Uid, info.Mode())
	}
	if err := os.Chown(victim, 700456, 700456); err != nil {
		t.Fatal(err)
	}
	if uid, err := prepareStore(dir("link")); uid != 700456 || err != nil {
		t.Errorf("through a link to an unprivileged user's: %d, %v", uid, err)
	}
}
