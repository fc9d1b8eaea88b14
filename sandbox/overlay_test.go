package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// addTree makes files in a directory; a name that ends in a slash is a
// directory.
func addTree(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && name[len(name)-1] == '/' {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(dir[len(dir)-4:]+"/"+name), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func lstat(t testing.TB, elem ...string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(filepath.Join(elem...), &st); err != nil {
		t.Fatalf("%s: %v", filepath.Join(elem...), err)
	}
	return st
}

// TestRemovedLowerDirectory: without userxattr this gives EIO.
func TestRemovedLowerDirectory(t *testing.T) {
	s := probe(t, "rm", "/usr")
	addTree(t, s.Lower[0], "usr/a/b/c", "usr/a/d", "usr/e")
	if err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if st := lstat(t, s.Scratch, "upper/usr"); st.Mode != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("whiteout: mode %o, device %d", st.Mode, st.Rdev)
	}
	if b, err := os.ReadFile(filepath.Join(s.Lower[0], "usr/a/b/c")); err != nil || string(b) != "root/usr/a/b/c" {
		t.Errorf("the layer was changed: %q, %v", b, err)
	}
	// A second run on the same upper does not see it either.
	s.Argv = []string{"/bin/probe", "ls", "/"}
	if got := output(t, s); got != "/: [\"bin\" \"dev\" \"etc\" \"proc\" \"run\" \"sys\" \"tmp\"]\n" {
		t.Errorf("got %s", got)
	}
	// A directory made anew hides the old one.
	s.Argv = []string{"/bin/probe", "mkdir", "/usr"}
	output(t, s)
	s.Argv = []string{"/bin/probe", "ls", "/usr"}
	if got := output(t, s); got != "/usr: []\n" {
		t.Errorf("got %s", got)
	}
	value := make([]byte, 8)
	n, err := unix.Lgetxattr(filepath.Join(s.Scratch, "upper/usr"), "user.overlay.opaque", value)
	if err != nil || string(value[:n]) != "y" {
		t.Errorf("user.overlay.opaque: %q, %v", value[:max(n, 0)], err)
	}
}

func TestChanges(t *testing.T) {
	s := probe(t, "mv", "/old", "/new")
	addTree(t, s.Lower[0], "old", "dir/file")
	if got := output(t, s); got != "mv: ok\n" {
		t.Errorf("file: got %s", got)
	}
	if st := lstat(t, s.Scratch, "upper/old"); st.Mode != unix.S_IFCHR || st.Rdev != 0 {
		t.Errorf("whiteout: mode %o, device %d", st.Mode, st.Rdev)
	}
	if b, err := os.ReadFile(filepath.Join(s.Scratch, "upper/new")); err != nil || string(b) != "root/old" {
		t.Errorf("got %q, %v", b, err)
	}
	if st := lstat(t, s.Scratch, "upper/new"); int(st.Uid) != os.Geteuid() || st.Mode != unix.S_IFREG|0o644 {
		t.Errorf("owner %d, mode %o", st.Uid, st.Mode)
	}
	// rename(2) of a directory of a layer is left to user space, as everywhere
	// where overlayfs has no redirect_dir.
	s.Argv = []string{"/bin/probe", "mv", "/dir", "/moved"}
	if got := output(t, s); got != "mv: EXDEV\n" {
		t.Errorf("directory: got %s", got)
	}
	s.Argv = []string{"/bin/probe", "chmod", "4755", "/dir/file"}
	output(t, s)
	if st := lstat(t, s.Scratch, "upper/dir/file"); st.Mode != unix.S_IFREG|0o4755 {
		t.Errorf("mode %o", st.Mode)
	}
	if st := lstat(t, s.Lower[0], "dir/file"); st.Mode != unix.S_IFREG|0o644 {
		t.Errorf("the layer was changed: mode %o", st.Mode)
	}
}

func TestLayerOrder(t *testing.T) {
	s := probe(t, "read", "/both", "/bottom", "/top")
	top := filepath.Join(tempDir(t), "uppe")
	addTree(t, s.Lower[0], "both", "bottom")
	addTree(t, top, "both", "top")
	s.Lower = append(s.Lower, top)
	if got, want := output(t, s), "/both: \"uppe/both\"\n/bottom: \"root/bottom\"\n/top: \"uppe/top\"\n"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestManyLayers: their paths alone are longer than the page that mount options
// may have.
func TestManyLayers(t *testing.T) {
	const n = 100
	s := probe(t, "ls", "/layers")
	base := tempDir(t)
	long := "a-name-of-some-length-so-that-many-of-these-do-not-fit-into-a-page-of-4096-bytes-"
	for i := range n {
		dir := filepath.Join(base, long+strconv.Itoa(i)+":,\\")
		addTree(t, dir, "layers/"+strconv.Itoa(i))
		s.Lower = append(s.Lower, dir)
	}
	s.Argv = []string{"/bin/probe", "read", "/layers/0", "/layers/99"}
	if got, want := output(t, s), "/layers/0: \"0:,\\\\/layers/0\"\n/layers/99: \"9:,\\\\/layers/99\"\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestScratchIsUsedAgain: the program sees what the run before it left, and the
// work directory of a volatile overlay is no hindrance.
func TestScratchIsUsedAgain(t *testing.T) {
	s := probe(t, "touch", "/kept")
	output(t, s)
	s.Argv = []string{"/bin/probe", "read", "/kept"}
	if got := output(t, s); got != "/kept: \"/kept\"\n" {
		t.Errorf("got %s", got)
	}
	if err := RemoveScratch(filepath.Join(s.Scratch, "upper")); err != nil {
		t.Fatal(err)
	}
	if got := output(t, s); got != "/kept: ENOENT\n" {
		t.Errorf("got %s", got)
	}
}

// TestWhiteoutOfAMountPoint: a layer that removed /run hides the one that is
// made below all layers too, and is refused.
func TestWhiteoutOfAMountPoint(t *testing.T) {
	s := probe(t, "rm", "/run-of-a-layer")
	addTree(t, s.Lower[0], "run-of-a-layer/", "run/file")
	output(t, s) // makes a whiteout, which an unprivileged user can't
	top := filepath.Join(tempDir(t), "top")
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.Scratch, "upper/run-of-a-layer"), filepath.Join(top, "run")); err != nil {
		t.Fatal(err)
	}
	s.Lower = append(s.Lower, top)
	s.Argv = []string{"/bin/probe", "ls", "/run"}
	if stage, ok := Run(t.Context(), s).(*StageError); !ok || stage.Err.Error() != "/run: no such file or directory" {
		t.Errorf("got %v", stage)
	}
}
