package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestFailed(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k := digest.KeyOf([]byte("a derivation"))
	if _, err := s.FailedLog(k); !errors.Is(err, ErrNotFound) {
		t.Fatalf("log of what never failed: %v", err)
	}
	for _, text := range []string{"first\n", "second\n"} {
		if err := s.KeepFailedLog(k, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := s.FailedLog(k)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if b, err := io.ReadAll(f); err != nil || string(b) != "second\n" {
		t.Fatalf("log: %q, %v", b, err)
	}

	var kept string
	for _, name := range []string{"old", "new"} {
		scratch, err := s.Scratch("build")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(scratch.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if kept, err = s.KeepFailedBuild(k, scratch); err != nil {
			t.Fatal(err)
		}
		if err := scratch.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := readNames(kept); err != nil || len(names) != 1 || names[0] != "new" {
		t.Fatalf("kept build: %q, %v", names, err)
	}

	if plan, err := s.GC(t.Context(), Policy{}, false); err != nil || len(plan.Items) != 0 {
		t.Fatalf("gc of what failed today: %v, %v", plan, err)
	}
	s.now = func() time.Time { return time.Now().Add(failedAge + time.Hour) }
	plan, err := s.GC(t.Context(), Policy{}, false)
	if err != nil || len(plan.Items) != 2 || plan.Items[0] != (Item{Kind: kindFailed, Name: k.Hex()}) || plan.Items[1] != (Item{Kind: kindFailed, Name: k.Hex() + ".log", Size: 7}) {
		t.Fatalf("gc after a week: %v, %v", plan, err)
	}
	if names, err := readNames(s.path(failedDir)); err != nil || len(names) != 0 {
		t.Fatalf("left: %q, %v", names, err)
	}

	if err := s.KeepFailedLog(k, strings.NewReader("third\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.ForgetFailed(k), s.ForgetFailed(k)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FailedLog(k); !errors.Is(err, ErrNotFound) {
		t.Fatalf("forgotten log: %v", err)
	}
	if names, err := readNames(s.path(tmpDir)); err != nil || len(names) != 0 {
		t.Fatalf("left in tmp: %q, %v", names, err)
	}
}

// TestFailedBuild: a kept build that was looked at is kept for as long again.
func TestFailedBuild(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	k := digest.KeyOf([]byte("a derivation"))
	if _, err := s.FailedBuild(k); !errors.Is(err, ErrNotFound) {
		t.Fatalf("of what never failed: %v", err)
	}
	scratch, err := s.Scratch("build")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.KeepFailedBuild(k, scratch)
	if err != nil {
		t.Fatal(err)
	}
	looked := time.Now().Add(failedAge + time.Hour)
	s.now = func() time.Time { return looked }
	if dir, err := s.FailedBuild(k); err != nil || dir != kept {
		t.Fatalf("got %q, %v, want %q", dir, err, kept)
	}
	s.now = func() time.Time { return looked.Add(failedAge - time.Minute) }
	if plan, err := s.GC(t.Context(), Policy{}, false); err != nil || len(plan.Items) != 0 {
		t.Errorf("gc within a week of the look: %v, %v", plan, err)
	}
	s.now = func() time.Time { return looked.Add(failedAge + time.Minute) }
	if plan, err := s.GC(t.Context(), Policy{}, false); err != nil || len(plan.Items) != 1 {
		t.Errorf("gc after it: %v, %v", plan, err)
	}
}
