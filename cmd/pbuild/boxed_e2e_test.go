package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
)

// playBoxed becomes pbuild with its store on overlayfs.
func playBoxed() {
	err := testenv.Box(os.Getenv("PBUILD_STORE"), filepath.Join(os.Getenv("PBUILD_STORE"), "../aside"))
	if err == nil {
		err = syscall.Exec("/proc/self/exe", append([]string{"pbuild"}, os.Args[1:]...), os.Environ())
	}
	fmt.Fprintln(os.Stderr, "boxed:", err)
	os.Exit(99)
}

// TestStoreOnOverlay: in a container without a volume the same packages come out, as
// those of the store's owner, and it is said that images are copied.
func TestStoreOnOverlay(t *testing.T) {
	store, owner, dir := ownersPlace(t, "debian-12-deb")
	run := func(args ...string) string {
		t.Helper()
		c, out, said := namespaced(t, owner, 1000, dir, store, args...)
		c.Args[0] = "pbuild-boxed"
		c.SysProcAttr.Cloneflags, c.SysProcAttr.AmbientCaps = testenv.BoxFlags, testenv.BoxCaps
		if err := c.Run(); err != nil {
			t.Fatalf("%q: %v\n%s%s", args, err, out, said)
		}
		return out.String() + said.String()
	}
	out := filepath.Join(filepath.Dir(store), "out")
	const built = "built\tdeb\tsha256:eca89379ae493839e975ba109a65819bcc883ec3167e04f22987104c0ebcc357\thello_1.0-1_amd64.deb\n"
	if text := run("realize", "hello", "--format", "deb", "--out", out); !strings.HasPrefix(text, built) {
		t.Errorf("want %s, as with an overlay, got:\n%s", built, text)
	}
	const copied = "pbuild: the image is copied for this, its hard links as files: no overlay in the store's file system: invalid argument\n"
	if text := run("log", "hello", "--format", "deb"); strings.Count(text, copied) != 1 {
		t.Errorf("log:\n%s", text)
	}
	run("store", "verify")
	want := "ok\tsandbox overlay\trefused (invalid argument): images are copied instead, for each program of a build\n"
	if text := run("doctor"); !strings.Contains(text, want) || strings.Contains(text, "FAIL") || !strings.Contains(text, "--store DIR") {
		t.Errorf("doctor:\n%s", text)
	}
}
