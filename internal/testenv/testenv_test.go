package testenv

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

func TestMain(m *testing.M) { Main(m) }

// TestSurroundings: whoever starts the tests, they run unprivileged, in a
// directory of their own, and see what is committed.
func TestSurroundings(t *testing.T) {
	if os.Geteuid() == 0 || os.Getegid() == 0 {
		t.Error("the tests run as root")
	}
	p, err := findPlace()
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.TempDir(); filepath.Dir(dir) != p.dir || p.uid != os.Geteuid() {
		t.Errorf("TMPDIR is %s, the place %s of uid %d", dir, p.dir, p.uid)
	}
	if _, err := os.ReadFile(filepath.Join(Recipes(t), "hello/recipe.yaml")); err != nil {
		t.Error(err)
	}
	if got := LockedPackages(t, "debian-12-base", "dpkg", "libc6"); len(got) != 2 || got[0].Name != "dpkg" || got[1].Name != "libc6" {
		t.Errorf("packages %v", got)
	}
}

// TestTool: the tools are those of the image, see what they are given, and what
// goes wrong with them is an error.
func TestTool(t *testing.T) {
	for _, argv := range [][]string{{"skopeo", "--version"}, {"dpkg-deb", "--version"}, {"zstd", "--version"}} {
		if Tool(t, nil, argv...) == "" {
			t.Errorf("%q: says nothing", argv)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("given\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Tool(t, []sandbox.Bind{{Host: dir, Inside: "/run/dir", Writable: true}}, "sh", "-c", "cat /run/dir/in; echo made >/run/dir/out; cat /etc/debian_version; ls /home")
	if !strings.HasPrefix(got, "given\n12.") || strings.Count(got, "\n") != 2 {
		t.Errorf("got %q", got)
	}
	if made, err := os.ReadFile(filepath.Join(dir, "out")); err != nil || string(made) != "made\n" {
		t.Errorf("made %q, %v", made, err)
	}
	var out bytes.Buffer
	var exit *sandbox.ExitError
	err := RunTool(t.Context(), &out, nil, "sh", "-c", "echo answer; echo why >&2; exit 5")
	if !errors.As(err, &exit) || exit.Code != 5 || !strings.HasSuffix(err.Error(), "\nwhy\n") || out.String() != "answer\n" {
		t.Errorf("a failure: %q, %v", &out, err)
	}
	if err := RunTool(t.Context(), &out, nil, "no-such-tool"); err == nil {
		t.Error("a tool that does not exist works")
	}
}

// TestNewStore: a store with the images asked for and nothing else, as good as
// one that made them, and gone afterwards.
func TestNewStore(t *testing.T) {
	dir, remove, err := NewStore("debian-12-test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	roots, err := s.Roots()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range roots {
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"debian-12-base", "debian-12-test"}) {
		t.Errorf("roots %q", names)
	}
	report, err := s.Verify(t.Context())
	if err != nil || len(report.Problems) > 0 || report.Trees != 2 || report.Realizations != 0 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	plan, err := s.GC(t.Context(), store.Policy{}, true)
	if err != nil || len(plan.Items) > 0 {
		t.Errorf("garbage: %+v, %v", plan, err)
	}
	// The files are those of the shared store: nothing was written twice.
	p, err := findPlace()
	if err != nil {
		t.Fatal(err)
	}
	trees, err := filepath.Glob(filepath.Join(dir, "trees/*/usr/bin/skopeo"))
	if err != nil || len(trees) != 1 {
		t.Fatalf("skopeo: %q, %v", trees, err)
	}
	ours, err := os.Stat(trees[0])
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(p.dir, "store", strings.TrimPrefix(trees[0], dir))
	theirs, err := os.Stat(original)
	if err != nil || !os.SameFile(ours, theirs) {
		t.Errorf("a copy: %v", err)
	}
	if err := errors.Join(s.Close(), remove()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
	if _, err := os.Stat(original); err != nil {
		t.Errorf("the shared store lost it: %v", err)
	}
}

// TestSweep: what dead runs left goes, what living ones have stays.
func TestSweep(t *testing.T) {
	t.Setenv(placeVariable, filepath.Join(t.TempDir(), "place"))
	p, err := findPlace()
	if err != nil {
		t.Fatal(err)
	}
	living, done, err := p.newDir("living")
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(p.dir, runPrefix+"dead")
	if err := errors.Join(os.MkdirAll(filepath.Join(dead, "closed/x"), 0o700), os.Chmod(filepath.Join(dead, "closed"), 0),
		os.Mkdir(filepath.Join(p.dir, "store"), 0o700)); err != nil {
		t.Fatal(err)
	}
	_, doneToo, err := p.newDir("next")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dead: %v", err)
	}
	for _, dir := range []string{living, filepath.Join(p.dir, "store")} {
		if _, err := os.Lstat(dir); err != nil {
			t.Errorf("living: %v", err)
		}
	}
	if err := errors.Join(done(), doneToo()); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil || len(entries) != 2 { // lock and store
		t.Errorf("left: %v, %v", entries, err)
	}
}

// TestPlaceIsPrivate: a place that others could write to is refused.
func TestPlaceIsPrivate(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(at("open"), 0o755), os.Mkdir(at("closed"), 0o700), os.Symlink("closed", at("link")),
		os.WriteFile(at("file"), nil, 0o700), os.Chmod(at("open"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{"open": false, "link": false, "file": false, "closed": true, "new/deeper": true} {
		t.Setenv(placeVariable, at(name))
		p, err := findPlace()
		if (err == nil) != good {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
}

// TestOwnersArgs: files that only root can write are written elsewhere, or not.
func TestOwnersArgs(t *testing.T) {
	args, profile := ownersArgs([]string{
		"-test.v=true", "-test.coverprofile=/root/c.out", "-test.testlogfile=/root/t", "-test.outputdir=/root", "-test.gocoverdir=/root/d", "-test.run=X",
	}, "/tmp/p")
	if !slices.Equal(args, []string{"-test.v=true", "-test.coverprofile=/tmp/p", "-test.run=X"}) || profile != "/root/c.out" {
		t.Errorf("got %q, %q", args, profile)
	}
}

// TestRunIsLocked: the directory of this run is locked, so that the next run
// does not take it.
func TestRunIsLocked(t *testing.T) {
	f, err := os.Open(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("got %v", err)
	}
}
