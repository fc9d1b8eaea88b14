package builder_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/sandbox"
)

// boxVariable says that the tests run on overlayfs: it is the directory.
const boxVariable = "PBUILD_BUILDER_BOX"

func TestMain(m *testing.M) {
	testenv.Enter()
	dir := os.Getenv(boxVariable)
	if dir == "" {
		testenv.Main(m)
	}
	if os.Getenv("TMPDIR") == dir {
		if !slices.ContainsFunc(sandbox.Check(context.Background(), dir), func(s sandbox.Stage) bool { return s.Instead != nil }) {
			fmt.Fprintln(os.Stderr, "an overlay is possible here: the test shows nothing")
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	err := testenv.Box(dir, dir+"-aside")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestLayerWithoutOverlay is TestLayer where no overlay is possible, as in a container without
// a volume: the same bytes, also of what a layer hides from those below it, which has another
// form on disk there.
func TestLayerWithoutOverlay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "box")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestLayer$", "-test.v")
	c.Env = append(os.Environ(), boxVariable+"="+dir)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  testenv.BoxFlags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: testenv.BoxCaps, Pdeathsig: syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestLayer ") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := sandbox.RemoveScratch(dir + "-aside"); err != nil { // overlayfs leaves what its owner can't enter
		t.Error(err)
	}
}
