package sandbox

import (
	"errors"
	"fmt"
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
		{"rm", "/lower"},
		{"touch", "/a/b/file", "/d/file"},
		{"chmod", "0", "/a/b", "/d/file"},
		{"chmod", "0500", "/a", "/d"},
		{"chmod", "07000", "/a/c"},
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

// TestOpenWhileLinksAreSwapped: a directory of mode 0, which removal has to
// change, and a link to another one change places all the time.
func TestOpenWhileLinksAreSwapped(t *testing.T) {
	base := tempDir(t)
	outside, victim, link := filepath.Join(base, "outside"), filepath.Join(base, "victim"), filepath.Join(base, "link")
	for _, err := range []error{os.Mkdir(outside, 0o500), os.Mkdir(victim, 0), os.Symlink("outside", link)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	parent, err := unix.Open(base, pathFlags|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(parent)
	stop, done := make(chan struct{}), make(chan struct{})
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
	opened, refused := 0, 0
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		fd, err := openForRemoval(parent, "victim")
		if err != nil {
			refused++
			continue
		}
		opened++
		if err := unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0); err != nil {
			t.Error(err)
		}
		unix.Close(fd)
	}
	close(stop)
	<-done
	if st := lstat(t, outside); st.Mode != unix.S_IFDIR|0o500 {
		t.Errorf("mode outside: %o", st.Mode)
	}
	if opened == 0 || refused == 0 {
		t.Errorf("opened %d times, refused %d times: the test shows nothing", opened, refused)
	}
}

// TestRemoveScratchStaysInItsFileSystem has a file system mounted below, which
// the helper makes in a namespace of its own.
func TestRemoveScratchStaysInItsFileSystem(t *testing.T) {
	h := helperWithCapabilities("mounted", unix.CAP_SYS_ADMIN)
	dir := filepath.Join(tempDir(t), "scratch")
	h.Env = append(h.Env, "HOST="+dir)
	out, err := h.Output()
	if want := "remove " + dir + ": scratch/sub: invalid cross-device link\nkept: true\n"; err != nil || string(out) != want {
		t.Errorf("got %s %v", out, err)
	}
}

func mountedHelper() {
	host := os.Getenv("HOST")
	sub := filepath.Join(host, "sub")
	for _, err := range []error{
		os.MkdirAll(sub, 0o700),
		unix.Mount("tmpfs", sub, "tmpfs", 0, "mode=0777"),
		os.WriteFile(filepath.Join(sub, "file"), nil, 0o644),
	} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(RemoveScratch(host))
	_, err := os.Lstat(filepath.Join(sub, "file"))
	fmt.Println("kept:", err == nil)
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
