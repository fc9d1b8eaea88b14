package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func gone(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}

func TestRemoveScratch(t *testing.T) {
	s := probe(t, "mkdir", "/a", "/a/b", "/a/c", "/d")
	addTree(t, s.Lower[0], "lower/x/y")
	output(t, s)
	for _, args := range [][]string{
		{"rm", "/lower"}, {"touch", "/a/b/file", "/d/file"},
		{"chmod", "0", "/a/b", "/d/file"}, {"chmod", "0500", "/a", "/d"}, {"chmod", "07000", "/a/c"},
	} {
		s.Argv = append([]string{"/bin/probe"}, args...)
		output(t, s)
	}
	if st := lstat(t, s.Scratch, "work/work"); st.Mode&0o777 != 0 {
		t.Errorf("work/work has mode %o: the test shows less than it should", st.Mode)
	}
	if err := RemoveScratch(s.Scratch); err != nil {
		t.Error(err)
	}
	gone(t, s.Scratch)
	if err := RemoveScratch(s.Scratch); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := RemoveScratch(filepath.Join(s.Scratch, "below")); err != nil {
		t.Errorf("below what is gone: %v", err)
	}
	if err := os.Mkdir(s.Scratch, 0o700); err != nil { // for the clean-up
		t.Fatal(err)
	}
}

// TestRemoveScratchFollowsNoLink: links to files and directories outside, in it
// and in its place.
func TestRemoveScratchFollowsNoLink(t *testing.T) {
	base := tempDir(t)
	outside := filepath.Join(base, "outside")
	addTree(t, outside, "dir/canary")
	if err := os.Chmod(filepath.Join(outside, "dir"), 0o500); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "scratch")
	addTree(t, dir, "sub/file")
	for name, to := range map[string]string{
		"link": filepath.Join(outside, "dir"), "sub/up": "../../outside", "file": filepath.Join(outside, "dir/canary"), "dot": ".", "dots": "..",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if b, err := os.ReadFile(filepath.Join(outside, "dir/canary")); err != nil || string(b) != "side/dir/canary" {
			t.Errorf("canary: %q, %v", b, err)
		}
		if st := lstat(t, outside, "dir"); st.Mode != unix.S_IFDIR|0o500 {
			t.Errorf("mode outside: %o", st.Mode)
		}
	}
	if err := RemoveScratch(dir); err != nil {
		t.Error(err)
	}
	gone(t, dir)
	check()

	if err := os.Symlink(outside, dir); err != nil {
		t.Fatal(err)
	}
	if err := RemoveScratch(dir); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a link in its place: got %v", err)
	}
	check()
	if err := RemoveScratch(filepath.Join(outside, "dir/canary")); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file in its place: got %v", err)
	}
	check()
}

// TestRemoveScratchWhileLinksAreSwapped: another process swaps a directory for
// a link all the time.
func TestRemoveScratchWhileLinksAreSwapped(t *testing.T) {
	base := tempDir(t)
	outside := filepath.Join(base, "outside")
	addTree(t, outside, "canary")
	if err := os.Chmod(outside, 0o500); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	link, victim := filepath.Join(base, "link"), filepath.Join(base, "scratch/victim")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, link, unix.AT_FDCWD, victim, unix.RENAME_EXCHANGE)
			}
		}
	}()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		_ = os.RemoveAll(link)
		_ = os.Symlink(outside, link)
		for i := range 20 {
			_ = os.MkdirAll(filepath.Join(victim, strconv.Itoa(i)), 0o755)
		}
		_ = os.Chmod(filepath.Join(base, "scratch"), 0o700)
		_ = RemoveScratch(filepath.Join(base, "scratch")) // may fail: something is put back
		if st := lstat(t, outside); st.Mode != unix.S_IFDIR|0o500 {
			t.Fatalf("mode outside: %o", st.Mode)
		}
	}
	close(stop)
	<-done
	if b, err := os.ReadFile(filepath.Join(outside, "canary")); err != nil || string(b) != "side/canary" {
		t.Errorf("canary: %q, %v", b, err)
	}
}

// TestRemoveDeepTree: deeper than any path, with a bounded number of
// descriptors.
func TestRemoveDeepTree(t *testing.T) {
	s := probe(t, "deep", "/", "2500")
	output(t, s)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	start := time.Now()
	if err := RemoveScratch(s.Scratch); err != nil {
		t.Error(err)
	}
	t.Logf("removed in %v", time.Since(start))
	gone(t, s.Scratch)
	if err := os.Mkdir(s.Scratch, 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveWideTree(t *testing.T) {
	dir := filepath.Join(tempDir(t), "wide")
	for i := range 3000 {
		if i%1000 == 0 {
			addTree(t, dir, strconv.Itoa(i)+"d/x")
		}
		addTree(t, dir, strconv.Itoa(i))
	}
	before := openDescriptors(t)
	if err := RemoveScratch(dir); err != nil {
		t.Error(err)
	}
	gone(t, dir)
	if after := openDescriptors(t); after != before {
		t.Errorf("descriptors: %d before, %d after", before, after)
	}
}
