package store

import (
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestNothingStaysOpen: a process that lives long uses a store many times, and
// has no goroutine, file or mapping more than before.
func TestNothingStaysOpen(t *testing.T) {
	before := goleak.IgnoreCurrent()
	dir := t.TempDir() + "/store"
	use := func() {
		s := must(Open(dir))
		r := realize(t, s, "hello", "a")
		must(s.Lookup(r.Key))
		must(s.Realizations())
		if _, err := s.Lookup(planned("no", "a")); err == nil {
			t.Error("found what was never recorded")
		}
		sc := must(s.Scratch("x"))
		must(0, sc.Close())
		unlock, err := s.LockKey(t.Context(), r.Key)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		w := must(s.Create())
		must(0, w.Close())
		rd := must(s.OpenBlob(r.Log))
		must(io.Copy(io.Discard, rd))
		must(0, rd.Close())
		putTree(t, s, testLayer("a"))
		must(s.Tree(digest.Of(testLayer("a"))))
		must(0, s.Rebuild(t.Context()))
		must(0, os.RemoveAll(s.path(dbDir)))
		must(s.Lookup(r.Key))
		must(s.GC(t.Context(), Policy{}, false))
		must(s.Verify(t.Context()))
		must(0, s.Close())
	}
	use() // the runtime opens its own at first use
	files, maps := len(must(os.ReadDir("/proc/self/fd"))), mappings(t)
	for range 3 {
		use()
	}
	if now := len(must(os.ReadDir("/proc/self/fd"))); now != files {
		t.Errorf("%d open files, %d before", now, files)
	}
	if now := mappings(t); now != maps {
		t.Errorf("%d mapped files, %d before", now, maps)
	}
	goleak.VerifyNone(t, before)
}

// mappings counts the files of databases that this process has mapped.
func mappings(t *testing.T) (n int) {
	t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile("/proc/self/maps")))) {
		if strings.Contains(line, "/"+dbDir+"/") {
			n++
		}
	}
	return n
}
