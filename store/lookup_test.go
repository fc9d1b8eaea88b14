package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// stamps returns name, inode, size and time of all files below dir.
func stamps(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	must(0, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		info := must(d.Info())
		fmt.Fprintf(&b, "%s %d %s\n", path, info.Size(), info.ModTime())
		return err
	}))
	return b.String()
}

// TestHitWritesNothing: neither in this process nor in a fresh one. Nor does a hit
// or a miss open the database.
func TestHitWritesNothing(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	must(0, s.Close())
	before := stamps(t, s.Dir())
	must(openStore(t, s.Dir()).Lookup(r.Key))
	if out, err := roleCommand(t, "lookup", s.Dir(), r.Key.String()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if diff := cmp.Diff(before, stamps(t, s.Dir())); diff != "" {
		t.Error(diff)
	}
	if n := dbOpenings(t, s, func() {
		must(s.Lookup(r.Key))
		if _, err := s.Lookup(planned("no", "a")); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("the database was opened %d times", n)
	}
}

func TestLastUse(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	path := s.path(journalPath(r.Key))
	start := must(os.Stat(path)).ModTime()
	for _, c := range []struct {
		step time.Duration // of the clock, from what is known
		want time.Duration
	}{
		{23 * time.Hour, 0},
		{24 * time.Hour, 24 * time.Hour},
		{-365 * 24 * time.Hour, 24 * time.Hour}, // a wrong clock must not make it old
		{365 * 24 * time.Hour, 365 * 24 * time.Hour},
		{48 * time.Hour, 365 * 24 * time.Hour}, // and what one wrote keeps it longer
	} {
		s.now = func() time.Time { return start.Add(c.step) }
		if _, err := s.Lookup(r.Key); err != nil {
			t.Fatal(err)
		}
		got := must(os.Stat(path)).ModTime().Sub(start)
		if got != c.want {
			t.Errorf("clock at %s: last use at %s, want %s", c.step, got, c.want)
		}
	}
	wantClean(t, s)
}

// TestJournalAhead is a crash between journal and database: the realization is
// found, and the next list makes the database whole, copies of small blobs too.
func TestJournalAhead(t *testing.T) {
	s := newStore(t)
	first := realize(t, s, "hello", "a")
	r := must(put(s, "hello", "b"))
	must(0, s.writeFile(journalPath(r.Key), must(r.encode()), 0o444))
	if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
		t.Error(diff)
	}
	sortedByKey := []Realization{first, r}
	slices.SortFunc(sortedByKey, func(a, b Realization) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	if diff := cmp.Diff(sortedByKey, must(s.Realizations())); diff != "" {
		t.Error(diff)
	}
	file := must(os.ReadFile(s.path(journalPath(r.Key))))
	value := must(s.getDB(realizationKey(r.Key), func([]byte) bool { return true }))
	if diff := cmp.Diff(file, value); diff != "" {
		t.Error(diff)
	}
	must(0, os.Remove(s.BlobPath(r.Log)))
	if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

// TestJournalDecides: an entry that somebody took out of the journal is a miss
// although the database has it, and Verify says so.
func TestJournalDecides(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	must(0, os.Remove(s.path(journalPath(r.Key))))
	if _, err := s.Lookup(r.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	report := must(s.Verify(t.Context()))
	if diff := cmp.Diff([]Problem{{"db", "key " + r.Key.String() + ": not in the journal"}}, report.Problems); diff != "" {
		t.Error(diff)
	}
	must(0, s.Rebuild(t.Context()))
	wantClean(t, s)
}

// TestLostBlobIsAMiss, for each blob of a realization that the database has no
// copy of; those with a copy come back.
func TestLostBlob(t *testing.T) {
	for _, copied := range []bool{true, false} {
		s := newStore(t)
		r := realize(t, s, "hello", "a")
		blobs := append(r.blobs(), digest.Of([]byte(emptyConfig)))
		for _, d := range blobs {
			kept := must(os.ReadFile(s.BlobPath(d)))
			if !copied {
				must(0, s.updateDB(func(w *batch) error { return w.txn.Delete(copyKey(d)) }))
			}
			must(0, os.Remove(s.BlobPath(d)))
			_, err := s.Lookup(r.Key)
			if copied != (err == nil) || err != nil && !errors.Is(err, ErrNotFound) {
				t.Errorf("blob %s lost, copied %t: %v", d.Short(), copied, err)
			}
			if copied {
				continue
			}
			if want := fmt.Sprintf("key %s: not in the store: blob %s is lost", r.Key, d); err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			must(s.PutBytes(kept))
		}
		if _, err := s.Lookup(r.Key); err != nil {
			t.Error(err)
		}
		wantClean(t, s)
	}
}

// TestReadHealsFromCopy: a damaged small blob is quarantined and put back.
func TestReadHealsFromCopy(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	want := must(os.ReadFile(s.BlobPath(r.Manifest)))
	overwrite(s.BlobPath(r.Manifest), flipByte(7))
	if got, err := s.ReadBlob(r.Manifest, 1<<20); err != nil || !cmp.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	if names := must(readNames(s.path(quarantineDir))); len(names) != 1 {
		t.Errorf("quarantine holds %q", names)
	}
	must(0, os.Remove(s.BlobPath(r.Manifest)))
	rd, err := s.OpenBlob(r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	rd.Close()
	if report := must(s.Verify(t.Context())); len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
}

// TestDamagedJournal: an entry comes back from the database, and what was in its
// place is kept for people; without the database it is a miss, and is taken out
// of the way.
func TestDamagedJournal(t *testing.T) {
	other := must((&Realization{Key: digest.KeyOf([]byte("x")), Recipe: "x", Format: "deb", Manifest: digest.Of(nil)}).encode())
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": flipByte(30),
		"empty":   func([]byte) []byte { return nil },
		"swapped": func([]byte) []byte { return other },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			r := realize(t, s, "hello", "a")
			path := s.path(journalPath(r.Key))
			whole := must(os.ReadFile(path))
			overwrite(path, damage)
			damaged := must(os.ReadFile(path))
			if n := dbOpenings(t, s, func() {
				if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
					t.Error(diff)
				}
			}); n != 1 {
				t.Errorf("the database was opened %d times", n)
			}
			if diff := cmp.Diff(whole, must(os.ReadFile(path))); diff != "" {
				t.Errorf("not healed: %s", diff)
			}
			wantSetAside(t, s, damaged)
			wantClean(t, s)

			overwrite(path, damage)
			must(0, os.RemoveAll(s.path(dbDir)))
			if _, err := s.Lookup(r.Key); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			wantSetAside(t, s, damaged)
			if _, err := s.Lookup(r.Key); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
				t.Errorf("again: %v", err)
			}
			must(s.Record(r, "hello-deb"))
			if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
				t.Error(diff)
			}
			wantClean(t, s)
		})
	}
}

// wantSetAside wants one thing in quarantine/, with these bytes, and removes it.
func wantSetAside(t *testing.T, s *Store, want []byte) {
	t.Helper()
	names := must(readNames(s.path(quarantineDir)))
	if len(names) != 1 {
		t.Fatalf("quarantine holds %q", names)
	}
	path := s.path(quarantineDir, names[0])
	if got := must(os.ReadFile(path)); !bytes.Equal(got, want) {
		t.Errorf("quarantine holds %q, want %q", got, want)
	}
	must(0, os.Remove(path))
}

// TestDamagedBoth: an entry that is damaged in the journal and in the database is
// a miss, and neither is handed out.
func TestDamagedBoth(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	kept := realize(t, s, "hello", "b")
	path := s.path(journalPath(r.Key))
	overwrite(path, flipByte(30))
	must(0, s.updateDB(func(w *batch) error { return w.put(realizationKey(r.Key), must(os.ReadFile(path))) }))
	if _, err := s.Lookup(r.Key); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged entry is still there: %v", err)
	}
	if diff := cmp.Diff(&kept, must(s.Lookup(kept.Key))); diff != "" {
		t.Error(diff)
	}
	if report := must(s.Verify(t.Context())); len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
}

// TestHealedMeanwhile: who finds an entry damaged and comes late to heal it takes
// what is there by then, also nothing.
func TestHealedMeanwhile(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	if diff := cmp.Diff(&r, must(s.mendEntry(r.Key))); diff != "" {
		t.Error(diff)
	}
	must(0, os.Remove(s.path(journalPath(r.Key)))) // as GC does
	if got, err := s.mendEntry(r.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, %v", got, err)
	}
	if names := must(readNames(s.path(quarantineDir))); len(names) > 0 {
		t.Errorf("quarantine holds %q", names)
	}
}

// TestDamagedValue: a value of the database that is not what was put is never
// handed out, and the next list makes the database anew.
func TestDamagedValue(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"flipped": flipByte(50),
		"empty":   func([]byte) []byte { return nil },
		"swapped": func([]byte) []byte {
			return must((&Realization{Key: digest.KeyOf([]byte("x")), Recipe: "x", Format: "deb", Manifest: digest.Of(nil)}).encode())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			r := realize(t, s, "hello", "a")
			file := must(os.ReadFile(s.path(journalPath(r.Key))))
			must(0, s.updateDB(func(w *batch) error { return w.put(realizationKey(r.Key), change(file)) }))
			report := must(s.Verify(t.Context()))
			want := []Problem{{"db", "key " + r.Key.String() + ": damaged in the store: differs from the journal"}}
			if diff := cmp.Diff(want, report.Problems); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]Realization{r}, must(s.Realizations())); diff != "" {
				t.Error(diff)
			}
			wantClean(t, s)
			if got, err := s.getDB(realizationKey(r.Key), func([]byte) bool { return true }); err != nil || !cmp.Equal(got, file) {
				t.Errorf("after the list the database holds %q, %v", got, err)
			}
		})
	}
	t.Run("copy", func(t *testing.T) {
		s := newStore(t)
		r := realize(t, s, "hello", "a")
		must(0, s.updateDB(func(w *batch) error { return w.put(copyKey(r.Log), []byte("other")) }))
		report := must(s.Verify(t.Context()))
		want := []Problem{{"db", "copy of blob " + r.Log.String() + ": damaged in the store"}}
		if diff := cmp.Diff(want, report.Problems); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNoDatabaseYet: a miss in a fresh store makes none.
func TestNoDatabaseYet(t *testing.T) {
	s := newStore(t)
	before := stamps(t, s.Dir())
	if _, err := s.Lookup(digest.KeyOf(nil)); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.getDB(copyKey(digest.Of(nil)), func([]byte) bool { return true }); !errors.Is(err, badger.ErrKeyNotFound) {
		t.Error(err)
	}
	if diff := cmp.Diff(before, stamps(t, s.Dir())); diff != "" {
		t.Error(diff)
	}
}
