package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestGCSparesSessions: what a living session put or found stays, recorded or
// not, and goes when it ends.
func TestGCSparesSessions(t *testing.T) {
	s := newStore(t)
	old := realize(t, s, "hello", "old")
	im := putImage(t, s, "a") // never a root
	realize(t, s, "hello", "new")
	must(0, s.Close())

	build := openStore(t, s.Dir())
	unlock, err := build.LockKey(t.Context(), digest.KeyOf([]byte("k")))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	put := must(build.PutBytes([]byte("put")))
	for _, d := range []digest.Digest{old.Log, im.manifest} {
		if _, ok := build.HasBlob(d); !ok {
			t.Errorf("%s is not there", d)
		}
	}
	must(build.ReadBlob(old.Provenance, 1<<20))
	must(build.Tree(im.diff))

	plan := must(s.GC(t.Context(), Policy{}, false))
	want := sorted("realization "+old.Key.String(), "blob "+old.Key.Text().String(), "blob "+old.Manifest.String(), "blob "+old.Files[0].Digest.String())
	if diff := cmp.Diff(want, items(plan)); diff != "" {
		t.Error(diff)
	}
	for _, d := range []digest.Digest{put, old.Log, old.Provenance, im.manifest, im.config, im.diff} {
		if _, ok := build.HasBlob(d); !ok {
			t.Errorf("%s was removed", d)
		}
	}
	must(build.Tree(im.diff))
	must(0, build.Close())
	if plan := must(s.GC(t.Context(), Policy{}, false)); len(plan.Items) != 7 {
		t.Errorf("after the session: %v", items(plan))
	}
	wantClean(t, s)
}

// TestGCSparesNoDeadSession: the list of a killed process holds nothing.
func TestGCSparesNoDeadSession(t *testing.T) {
	s := newStore(t)
	cmd := roleCommand(t, "scratch", s.Dir())
	out := must(cmd.StdoutPipe())
	must(0, cmd.Start())
	must(out.Read(make([]byte, 4096)))
	if plan := must(s.GC(t.Context(), Policy{}, false)); len(plan.Items) > 0 {
		t.Errorf("while it lives: %v", items(plan))
	}
	must(0, cmd.Process.Kill())
	cmd.Wait()
	plan := collectAll(t, s)
	var kinds []string
	for _, i := range plan.Items {
		kinds = append(kinds, i.Kind)
	}
	if diff := cmp.Diff([]string{kindBlob, kindTemporary, kindTemporary}, kinds); diff != "" {
		t.Error(diff)
	}
	for _, name := range must(readNames(s.path(locksDir))) {
		if strings.HasPrefix(name, sessionPrefix) {
			t.Errorf("left: %s", name)
		}
	}
	wantClean(t, s)
}

// TestGCWaits for those who hold the gate, for a bounded time, and names them.
func TestGCWaits(t *testing.T) {
	s := newStore(t)
	s.gcWait = 60 * time.Millisecond
	gate := must(s.addGate())
	_, err := s.GC(t.Context(), Policy{}, false)
	comm := strings.TrimSpace(string(must(os.ReadFile("/proc/self/comm"))))
	want := fmt.Sprintf("gc: store in use: waited 60ms for pid %d (%s)", os.Getpid(), comm)
	if !errors.Is(err, ErrBusy) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.GC(ctx, Policy{}, false); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	gate.release()
	must(s.GC(t.Context(), Policy{}, false))
}
