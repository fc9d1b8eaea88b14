package main

import (
	"bytes"
	"encoding/json"
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

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/store/digest"
)

// scriptImages is «images [NAME…]»: the script's store is from now on one that has
// these images of the committed builders; $RECIPES is the committed collection,
// $TESTDATA the folder with recipes for tests alone.
func scriptImages(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: images [NAME…]")
	}
	dir, remove, err := testenv.NewStore(args...)
	ts.Check(err)
	ts.Defer(func() {
		if err := remove(); err != nil {
			ts.Logf("%v", err)
		}
	})
	ts.Setenv("STORE", dir)
	ts.Setenv("PBUILD_STORE", dir)
	for name, folder := range map[string]string{"RECIPES": "../../recipes", "TESTDATA": "testdata"} {
		path, err := filepath.Abs(folder)
		ts.Check(err)
		ts.Setenv(name, path)
	}
	for _, name := range mirrorVariables {
		if value, ok := os.LookupEnv(name); ok {
			ts.Setenv(name, value)
		}
	}
}

// mirrorVariables say how this machine reaches a mirror.
var mirrorVariables = []string{"PBUILD_DEBIAN_MIRROR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

// slowPlace is a store with an image to build in, and a collection with the recipe
// «slow».
type slowPlace struct {
	t          *testing.T
	store, dir string
	mark       string // for how many seconds a process of the build sleeps, as nothing else does
}

// newPlace makes a place. The build of slow leaves a process behind that sleeps
// for mark seconds, says «begun» and takes as many more as seconds says.
func newPlace(t *testing.T, mark, seconds string) *slowPlace {
	t.Helper()
	store := newStore(t, "debian-12-deb")
	p := &slowPlace{t, store, t.TempDir(), mark}
	recipes := filepath.Join(p.dir, "recipes")
	if err := os.CopyFS(recipes, os.DirFS("../../recipes")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"recipe.yaml": "format: 1\nname: slow\nsummary: Slow\nlicense: Apache-2.0\nsources: {main: {path: src}}\n" +
			"deb: {builder: debian-12-deb, outputs: [slow]}\n",
		"src/README":       "slow\n",
		"debian/changelog": "slow (1-1) bookworm; urgency=medium\n\n  * Slow.\n\n -- A Packager <packager@example.org>  Fri, 15 May 2026 10:00:00 +0000\n",
		"debian/control": "Source: slow\nMaintainer: A Packager <packager@example.org>\nRules-Requires-Root: no\n\n" +
			"Package: slow\nArchitecture: all\nDescription: slow\n",
		"debian/rules": "#!/usr/bin/make -f\nclean build:\nbinary:\n\tsetsid sleep " + mark + " & echo begun; sleep " + seconds + "\n" +
			"\tmkdir -p debian/slow/DEBIAN\n\tdpkg-gencontrol -Pdebian/slow\n\tdpkg-deb --root-owner-group -b debian/slow ..\n",
	} {
		file := filepath.Join(recipes, "slow", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// pbuild returns a command line of pbuild in the place.
func (p *slowPlace) pbuild(args ...string) *exec.Cmd {
	c := exec.Command("pbuild", args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), "PBUILD_STORE="+p.store, "HOME="+p.dir, "GORACE="+noRaceSleep)
	return c
}

// start starts a realize of slow and returns when its build runs.
func (p *slowPlace) start() *exec.Cmd {
	p.t.Helper()
	c := p.pbuild("realize", "slow")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	if !p.await(time.Minute, func() bool { return slices.Contains(p.alive(), p.sleeper()) }) {
		c.Process.Kill()
		p.t.Fatal("the build does not run")
	}
	return c
}

// await waits for at most that long.
func (p *slowPlace) await(most time.Duration, happened func() bool) bool {
	for begun := time.Now(); time.Since(begun) < most; time.Sleep(5 * time.Millisecond) {
		if happened() {
			return true
		}
	}
	return false
}

// sleeper is the command line of the process that a build leaves behind.
func (p *slowPlace) sleeper() string { return "sleep " + p.mark }

// alive returns the command lines of the place's pbuild and of its build's
// sleeper.
func (p *slowPlace) alive() (lines []string) {
	p.t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range all {
		// A zombie has neither.
		raw, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		line := strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
		if line == p.sleeper() || bytes.Contains(env, []byte("PBUILD_STORE="+p.store+"\x00")) {
			lines = append(lines, line)
		}
	}
	return lines
}

// over wants no process of a run a second later.
func (p *slowPlace) over() {
	p.t.Helper()
	if !p.await(time.Second, func() bool { return p.alive() == nil }) {
		p.t.Errorf("a second later there are %q", p.alive())
	}
}

// left returns what is in the making in the store.
func (p *slowPlace) left() []string {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.store, "tmp"))
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// realize realizes slow and returns the answer.
func (p *slowPlace) realize(out string) (r result, err error) {
	var answer, said bytes.Buffer
	c := p.pbuild("realize", "slow", "--json", "--out", out)
	c.Stdout, c.Stderr = &answer, &said
	if err := c.Run(); err != nil {
		return r, fmt.Errorf("%w\n%s", err, &said)
	}
	return r, json.Unmarshal(answer.Bytes(), &r)
}

// worksAgain wants the next run to build, and to leave a store in order.
func (p *slowPlace) worksAgain() {
	p.t.Helper()
	r, err := p.realize("result")
	if err != nil || r.State != "built" || r.File != "slow_1-1_all.deb" {
		p.t.Errorf("got %+v, %v", r, err)
	}
	if names := p.left(); names != nil {
		p.t.Errorf("left: %q", names)
	}
	if out, err := p.pbuild("store", "verify").CombinedOutput(); err != nil {
		p.t.Errorf("store verify: %v\n%s", err, out)
	}
}

// TestKilled: SIGKILL of pbuild in the middle of a build takes all with it, and
// the next run just works.
func TestKilled(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "86391", "3")
	c := p.start()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	p.over()
	if p.left() == nil {
		t.Error("nothing was in the making: the build was not in its middle")
	}
	p.worksAgain()
}

// TestInterrupted: SIGINT ends the run with 130 and leaves nothing.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "86392", "3")
	c := p.start()
	begun := time.Now()
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	p.over()
	if names := p.left(); names != nil {
		t.Errorf("left: %q", names)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "result")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("result/: %v", err)
	}
	p.worksAgain()
}

// TestTwoAtOnce: of two processes one builds, and both have the result.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "86393", "1")
	var results [2]result
	var both errgroup.Group
	for i := range results {
		both.Go(func() (err error) {
			results[i], err = p.realize(fmt.Sprintf("result%d", i))
			return err
		})
	}
	if err := both.Wait(); err != nil {
		t.Fatal(err)
	}
	states := []string{results[0].State, results[1].State}
	slices.Sort(states)
	if !slices.Equal(states, []string{"built", "cached"}) {
		t.Errorf("states %q", states)
	}
	for i, r := range results {
		body, err := os.ReadFile(filepath.Join(p.dir, fmt.Sprintf("result%d", i), "slow_1-1_all.deb"))
		if err != nil || digest.Of(body) != results[0].SHA256 || r.SHA256 != results[0].SHA256 || r.Artifact != results[0].Artifact {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
