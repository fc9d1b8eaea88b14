package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScratch(t *testing.T) {
	s := newStore(t)
	sc, err := s.Scratch("build-hello")
	if err != nil {
		t.Fatal(err)
	}
	if dir, name := filepath.Split(sc.Dir); dir != s.path(tmpDir)+"/" || !strings.HasPrefix(name, "build-hello-") {
		t.Errorf("Dir %s", sc.Dir)
	}
	if info := must(os.Lstat(sc.Dir)); info.Mode() != 0o700|os.ModeDir {
		t.Errorf("mode %s", info.Mode())
	}
	other, err := openStore(t, s.Dir()).Scratch("build-hello")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(sc.Dir); err != nil {
		t.Errorf("swept while it lives: %v", err)
	}
	must(0, os.MkdirAll(sc.Dir+"/work/work", 0o700))
	must(0, os.Chmod(sc.Dir+"/work/work", 0))
	for _, c := range []*Scratch{sc, sc, other} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Scratch("../x"); err == nil {
		t.Error("a pattern that is a path")
	}
	wantClean(t, s)
}

// TestScratchOfTheDead: what a killed process leaves is gone at the next
// Scratch, and what a living one has stays.
func TestScratchOfTheDead(t *testing.T) {
	s := newStore(t)
	start := func() (dir string, kill func()) {
		cmd := roleCommand(t, "scratch", s.Dir())
		out := must(cmd.StdoutPipe())
		must(0, cmd.Start())
		b := make([]byte, 4096)
		n := must(out.Read(b))
		return strings.TrimSpace(string(b[:n])), func() {
			must(0, cmd.Process.Kill())
			cmd.Wait()
		}
	}
	dead, kill := start()
	living, killLater := start()
	defer killLater()
	kill()
	if _, err := os.Lstat(dead + "/tree/file"); err != nil {
		t.Fatalf("nothing was left: %v", err)
	}
	plan := must(s.GC(t.Context(), Policy{}, true))
	if len(plan.Items) != 2 || plan.Items[0].Kind != kindTemporary || plan.Items[1].Kind != kindTemporary {
		t.Errorf("plan %+v, want scratch and tree of the dead", plan) // its blob is also the living one's
	}
	sc := must(s.Scratch("x"))
	must(0, sc.Close())
	if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of the dead: %v", err)
	}
	if _, err := os.Lstat(living + "/tree/file"); err != nil {
		t.Errorf("of the living: %v", err)
	}
	if names := must(readNames(s.path(tmpDir))); len(names) != 2 {
		t.Errorf("tmp holds %q, want the two of the living", names)
	}
}
