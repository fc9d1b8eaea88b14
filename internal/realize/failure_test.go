package realize_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// TestFailedBuild: its exit code, the end of its log, the whole log by key, and
// the files where they are asked for.
func TestFailedBuild(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	script := "for i in $(seq 100); do echo line $i; done\nprintf '\\033[31mred\\n'\nmkdir -m 0 ../closed\necho left >../left\nln -s /etc ../out\nexit 9\n"
	b.write("failing", made{script: script})
	results, err := b.try("failing")
	var failed *realize.BuildError
	var exit *sandbox.ExitError
	if !errors.As(err, &failed) || !errors.As(err, &exit) {
		t.Fatalf("got %v", err)
	}
	if failed.Step != "dpkg-buildpackage" || exit.Code != 2 || errors.As(err, new(*realize.KeptError)) || results[0].State != event.Failed {
		t.Errorf("got %+v, %+v", failed, exit)
	}
	if err.Error() != "failing: deb: dpkg-buildpackage exited 2: dpkg-buildpackage -b -us -uc -d -rfakeroot" {
		t.Errorf("says %v", err)
	}
	log := failed.Log
	if len(log.Lines) != 40 || log.Total < 100 || !slices.Contains(log.Lines, "line 100") || !slices.Contains(log.Lines, "\x1b[31mred") ||
		slices.Contains(log.Lines, "line 1") || !slices.Equal(log.Command, []string{"dpkg-buildpackage", "-b", "-us", "-uc", "-d", "-rfakeroot"}) {
		t.Errorf("log %+v", log)
	}
	b.mu.Lock()
	last := b.events[len(b.events)-1]
	b.mu.Unlock()
	if last.State != event.Failed || !errors.Is(last.Err, failed.Err) || !slices.Equal(last.Log.Lines, log.Lines) {
		t.Errorf("last event %+v", last)
	}
	b.nothing("failing")
	key := b.node("failing").Key
	whole := func() string {
		t.Helper()
		f, err := b.store.FailedLog(key)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := whole()
	if !strings.HasPrefix(text, "pbuild: dpkg-buildpackage -b -us -uc -d -rfakeroot\n") || !strings.Contains(text, "\nline 1\n") ||
		!strings.HasSuffix(text, "\npbuild: dpkg-buildpackage exited 2: dpkg-buildpackage -b -us -uc -d -rfakeroot\n") {
		t.Errorf("whole log:\n%s", text)
	}
	if n := strings.Count(text, "\n"); n != log.Total+2 { // our own lines are not the program's
		t.Errorf("%d lines, the tail says %d", n, log.Total)
	}
	if _, err := os.Stat(filepath.Join(b.store.Dir(), "failed", key.Hex())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files are kept unasked: %v", err)
	}

	// With --keep-failed the files stay, also those of the second time.
	b.KeepFailed = true
	for range 2 {
		_, err := b.try("failing")
		var kept *realize.KeptError
		if !errors.As(err, &failed) || !errors.As(err, &kept) || kept.Dir != filepath.Join(b.store.Dir(), "failed", key.Hex()) {
			t.Fatalf("got %v, kept %+v", err, kept)
		}
		if body, err := os.ReadFile(filepath.Join(kept.Dir, "build/left")); err != nil || string(body) != "left\n" {
			t.Errorf("left: %q, %v", body, err)
		}
		if whole() != text {
			t.Error("another log")
		}
	}
	// So do those of a build whose programs do not fail, but whose packages are not
	// as declared.
	b.write("failing", made{script: "echo left >../left\npack failing\npack other\n"})
	var outputs *realize.OutputsError
	var kept *realize.KeptError
	_, err = b.try("failing")
	if !errors.As(err, &outputs) || !errors.As(err, &kept) || kept.Dir != filepath.Join(b.store.Dir(), "failed", b.node("failing").Key.Hex()) {
		t.Fatalf("got %v, kept %+v", err, kept)
	}
	if body, err := os.ReadFile(filepath.Join(kept.Dir, "build/left")); err != nil || string(body) != "left\n" {
		t.Errorf("left: %q, %v", body, err)
	}
	if f, err := b.store.FailedLog(b.node("failing").Key); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

// TestOthersGoOn: one that fails does not stop the others, unless it is asked to.
func TestOthersGoOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("first-bad", made{script: "exit 1\n"})
	b.write("second-good", made{})
	b.write("third-bad", made{script: "exit 1\n"})
	results, err := b.try("first-bad", "second-good", "third-bad")
	if err == nil || !strings.HasPrefix(err.Error(), "first-bad: deb: ") || !strings.Contains(err.Error(), "\nthird-bad: deb: ") {
		t.Errorf("got %v", err)
	}
	var states []event.State
	for _, r := range results {
		states = append(states, r.State)
	}
	if !slices.Equal(states, []event.State{event.Failed, event.Built, event.Failed}) || results[1].Realization == nil {
		t.Errorf("states %q", states)
	}

	b.FailFast = true
	b.write("last-good", made{})
	results, err = b.try("first-bad", "last-good")
	if !errors.Is(results[1].Err, context.Canceled) || results[1].State != event.Failed || err == nil {
		t.Errorf("got %+v, %v", results[1], err)
	}
	b.nothing("last-good")
}

// TestCancel: Ctrl-C in the middle ends the build, and leaves nothing.
func TestCancel(t *testing.T) {
	const sleep = "86397" // nothing else sleeps as long
	b := newBench(t)
	b.write("slow", made{script: "echo now; setsid sleep " + sleep + " &\nsleep " + sleep + "\n"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at time.Time
	b.watch = func(e event.Event) {
		if e.State == event.Building && e.Step == "now" {
			at = time.Now()
			cancel()
		}
	}
	p, err := b.Plan(ctx, []realize.Target{{Name: "slow", Format: recipe.FormatDeb}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := b.Realize(ctx, p)
	if !errors.Is(err, context.Canceled) || at.IsZero() || results[0].State != event.Failed {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(at); took > time.Second {
		t.Errorf("ended %s after the cancel", took)
	}
	if ids := processes(t, "sleep\x00"+sleep+"\x00"); ids != nil {
		t.Errorf("still there: %q", ids)
	}
	if _, err := b.store.FailedLog(p.Nodes[0].Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was interrupted has a failed log: %v", err)
	}
	b.nothing("slow")
	b.clean()
}

// processes returns the ids of the processes with this command line.
func processes(t *testing.T, cmdline string) (ids []string) {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if line, err := os.ReadFile("/proc/" + e.Name() + "/cmdline"); err == nil && string(line) == cmdline {
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// TestLeftRunning: a build's processes end with it.
func TestLeftRunning(t *testing.T) {
	t.Parallel()
	const sleep = "86396"
	b := newBench(t)
	b.write("daemon", made{script: "setsid nohup sleep " + sleep + " >/dev/null 2>&1 &\n"})
	b.realize("daemon", event.Built)
	if ids := processes(t, "sleep\x00"+sleep+"\x00"); ids != nil {
		t.Errorf("still there: %q", ids)
	}
}

// TestMissingDebian: said before anything begins, with the place in the recipe.
func TestMissingDebian(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		drop []string
		want string
	}{
		{
			"no-debian",
			[]string{"changelog", "control", "rules", "build.sh"},
			"recipes/no-debian/recipe.yaml:7:3: deb.debian: no folder debian in the recipe's folder, nor in source main",
		},
		{"no-rules", []string{"rules"}, "recipes/no-rules/recipe.yaml:7:3: deb.debian: debian/rules: file does not exist"},
		{"no-source", nil, "recipes/no-source/recipe.yaml:5:17: sources.main.path: recipes/no-source/src: file does not exist"},
	} {
		b := newBench(t)
		b.write(tc.name, made{})
		for _, f := range tc.drop {
			delete(b.files, tc.name+"/debian/"+f)
		}
		if tc.name == "no-source" {
			delete(b.files, tc.name+"/src/README")
		}
		b.reload()
		_, err := b.Plan(t.Context(), []realize.Target{{Name: tc.name, Format: recipe.FormatDeb}})
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v", tc.name, err)
		}
		if len(b.events) > 0 {
			t.Errorf("%s: events %v", tc.name, b.events)
		}
	}
}
