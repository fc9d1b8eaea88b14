package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests run as an unprivileged user. Started as root, the test binary
// builds the probe, then executes itself as a uid that owns nothing else.
const (
	probeVariable  = "PBUILD_SANDBOX_PROBE"
	helperVariable = "PBUILD_SANDBOX_HELPER"
	testUID        = 700123
)

// The runtime's poller opens its descriptors before main runs, as some package of
// an executable may have it do: init must neither close nor hand on those.
var _ = func() (p [2]*os.File) {
	p[0], p[1], _ = os.Pipe()
	return p
}()

func TestMain(m *testing.M) {
	if IsInit() {
		Init()
	}
	if name := os.Getenv(helperVariable); name != "" {
		helpers()[name]()
		os.Exit(0)
	}
	code := 0
	switch {
	case os.Getenv(probeVariable) != "":
		code = m.Run()
	case slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") }):
		code = m.Run() // the fuzz tests make no sandbox, and need the cache of who started them
	case os.Geteuid() == 0:
		code = max(testsOfRoot(m), inWorkspace(runAsUser))
	default:
		code = inWorkspace(func(string) int { return m.Run() })
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: after the tests:", err)
		code = 1
	}
	os.Exit(code)
}

// inWorkspace builds the probe into a new directory that is TMPDIR meanwhile.
func inWorkspace(run func(dir string) int) int {
	dir, err := os.MkdirTemp("", "pbuild-sandbox-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer RemoveScratch(dir)
	probe := filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", probe, "./internal/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build of the probe: %v\n%s", err, out)
		return 1
	}
	os.Setenv(probeVariable, probe)
	os.Setenv("TMPDIR", dir)
	return run(dir)
}

func runAsUser(dir string) int {
	if err := os.Chown(dir, testUID, testUID); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c := exec.Command("/proc/self/exe")
	for _, a := range os.Args[1:] {
		// Files that the user can't write, and that the parent need not have.
		if !slices.ContainsFunc([]string{"testlogfile", "coverprofile", "gocoverdir", "outputdir"}, func(s string) bool {
			return strings.HasPrefix(a, "-test."+s)
		}) {
			c.Args = append(c.Args, a)
		}
	}
	c.Args = append(c.Args, "-test.skip=^TestRoot")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testUID, Gid: testUID}, Pdeathsig: syscall.SIGKILL}
	leave, err := enterGroup(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer leave()
	err = c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return c.ProcessState.ExitCode()
}

// newRoot makes a root file system that holds the probe and nothing else.
func newRoot(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), "root")
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(os.Getenv(probeVariable), filepath.Join(dir, "bin/probe")); err != nil {
		// As root the probe belongs to root, and links to it may be forbidden.
		b, err := os.ReadFile(os.Getenv(probeVariable))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "bin/probe"), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tempDir is t.TempDir with a removal that copes with what sandboxes leave.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := RemoveScratch(dir); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", dir)
		}
	})
	return dir
}

// probe returns a Spec that runs the probe with these arguments.
func probe(t testing.TB, args ...string) Spec {
	t.Helper()
	return Spec{
		Lower:   []string{newRoot(t)},
		Scratch: tempDir(t),
		Argv:    append([]string{"/bin/probe"}, args...),
	}
}

// output runs s, which must exit with 0, and returns what it printed.
func output(t testing.TB, s Spec) string {
	t.Helper()
	return without(t, s)
}

// without is output with stages left out, for a positive control.
func without(t testing.TB, s Spec, stages ...string) string {
	t.Helper()
	return launchOutput(t, s, allNamespaces, stages...)
}

func launchOutput(t testing.TB, s Spec, namespaces uintptr, omit ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	s.Stdout, s.Stderr = &out, &log
	p, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	p.omit = omit
	l := launch{plan: p, stdin: s.Stdin, stdout: s.Stdout, stderr: s.Stderr, namespaces: namespaces}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	rep, err := l.run(ctx)
	if err != nil || rep.code != 0 {
		t.Fatalf("%q: code %d, %v\n%s%s", s.Argv, rep.code, err, &out, &log)
	}
	return out.String()
}

// field returns the value of a line «name: value».
func field(t testing.TB, text, name string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSuffix(v, "\n")
		}
	}
	t.Fatalf("no %q in:\n%s", name, text)
	return ""
}

// tried runs attempts and returns what came of each.
func tried(t testing.TB, s Spec, omit ...string) map[string]string {
	t.Helper()
	out := without(t, s, omit...)
	m := map[string]string{}
	for line := range strings.Lines(out) {
		name, result, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		m[name] = result
	}
	return m
}
