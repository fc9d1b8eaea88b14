package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRemoveAll removes what builds leave: directories without rights, links
// that lead out, depth beyond the longest path and the number of open files.
func TestRemoveAll(t *testing.T) {
	base := sharedDir(t)
	var old syscall.Rlimit
	must(0, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	few := old
	few.Cur = 256
	must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	defer func() { must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)) }()
	if err := asNobody(t, func() error { return tryRemoveAll(t, base) }); err != nil {
		t.Error(err)
	}
}

func tryRemoveAll(t *testing.T, base string) error {
	outside := filepath.Join(base, "outside")
	must(0, os.Mkdir(outside, 0o755))
	must(0, os.WriteFile(filepath.Join(outside, "kept"), nil, 0o644))
	dir := filepath.Join(base, "dir")
	for _, d := range []string{"work/work", "ro/sub/sub", "none"} {
		must(0, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(0, os.WriteFile(filepath.Join(dir, "ro/sub/file"), []byte("x"), 0o444))
	must(0, os.Symlink(outside, filepath.Join(dir, "ro/link")))
	must(0, os.Symlink("missing", filepath.Join(dir, "dangling")))
	must(0, unix.Mkfifo(filepath.Join(dir, "fifo"), 0))
	for _, d := range []string{"ro/sub/sub", "ro/sub", "ro"} {
		must(0, os.Chmod(filepath.Join(dir, d), 0o555))
	}
	for _, d := range []string{"work/work", "none"} {
		must(0, os.Chmod(filepath.Join(dir, d), 0))
	}
	mkdirDeep(t, dir, 2100)
	if err := os.RemoveAll(dir); err == nil {
		return errors.New("os.RemoveAll can do it too: the tree is not hard enough")
	}
	if err := removeAll(dir); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(outside, "kept")); err != nil {
		t.Error(err)
	}
	if err := removeAll(dir); err != nil {
		t.Errorf("what is not there: %v", err)
	}
	if err := removeAll(filepath.Join(dir, "below")); err != nil {
		t.Errorf("what is not there, in what is not there: %v", err)
	}
	must(0, os.Symlink(outside, dir))
	if err := removeAll(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(outside, "kept")); err != nil {
		t.Errorf("a link was followed: %v", err)
	}
	return nil
}

// mkdirDeep makes n directories within each other, most of them read-only:
// their path is longer than the kernel takes.
func mkdirDeep(t *testing.T, dir string, n int) {
	t.Helper()
	fd := must(unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	for range n {
		must(0, unix.Mkdirat(fd, "d", 0o700))
		next := must(unix.Openat(fd, "d", unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
		must(0, unix.Fchmod(fd, 0o500))
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	must(0, os.Chmod(dir, 0o700))
}

// asNobody runs fn with the file rights of an ordinary user.
func asNobody(t *testing.T, fn func() error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		return fn()
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		done <- fn()
	}()
	return <-done
}

// sharedDir is a temporary directory for asNobody.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(0, os.Chmod(dir, 0o777))
	must(0, os.Chmod(filepath.Dir(dir), 0o711))
	return dir
}
