package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// dbOpenings counts how often the database is opened while fn runs: each reads
// its sum once.
func dbOpenings(t *testing.T, s *Store, fn func()) int {
	t.Helper()
	fd := must(unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK))
	defer unix.Close(fd)
	must(unix.InotifyAddWatch(fd, s.path(dbDir, sumFile), unix.IN_OPEN))
	fn()
	buf := make([]byte, 64<<10)
	n, err := unix.Read(fd, buf)
	if errors.Is(err, unix.EAGAIN) {
		return 0
	}
	return must(n, err) / unix.SizeofInotifyEvent // no names: a file is watched
}

// TestLookupAll is Lookup of each key, with the database opened only for what is
// damaged or lost.
func TestLookupAll(t *testing.T) {
	s := newStore(t)
	var keys []digest.Key
	want := map[digest.Key]*Realization{}
	var all []Realization
	for i := range 8 {
		r := realize(t, s, fmt.Sprintf("r%d", i), "a")
		all = append(all, r)
		keys = append(keys, r.Key)
		want[r.Key] = &r
	}
	unknown := digest.KeyOf([]byte("unknown"))
	keys = append(keys, unknown, keys[0])
	drop := func(d digest.Digest) {
		must(0, s.updateDB(func(w *batch) error { return w.txn.Delete(copyKey(d)) }))
		must(0, os.Remove(s.BlobPath(d)))
	}
	if n := dbOpenings(t, s, func() {
		if diff := cmp.Diff(want, must(s.LookupAll(keys))); diff != "" {
			t.Error(diff)
		}
	}); n != 0 {
		t.Errorf("opened %d times", n)
	}
	if got := must(s.LookupAll(nil)); len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}

	// One has lost a blob for good, one that the database has a copy of, one its
	// journal's entry; one is in the journal only, one is damaged there and in no
	// database, one damaged there alone; one was used long ago.
	drop(all[1].Files[0].Digest)
	delete(want, all[1].Key)
	must(0, os.Remove(s.BlobPath(all[2].Log)))
	must(0, os.Remove(s.path(journalPath(all[3].Key))))
	delete(want, all[3].Key)
	for _, r := range all[4:6] {
		must(0, s.updateDB(func(w *batch) error { return w.txn.Delete(realizationKey(r.Key)) }))
	}
	overwrite(s.path(journalPath(all[5].Key)), flipByte(30))
	delete(want, all[5].Key)
	overwrite(s.path(journalPath(all[7].Key)), flipByte(30))
	past := time.Now().Add(-48 * time.Hour)
	must(0, os.Chtimes(s.path(journalPath(all[6].Key)), past, past))

	if diff := cmp.Diff(want, must(s.LookupAll(keys))); diff != "" {
		t.Error(diff)
	}
	if _, ok := s.HasBlob(all[2].Log); !ok {
		t.Error("a blob was not healed")
	}
	if _, err := os.Lstat(s.path(journalPath(all[5].Key))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged entry is still there: %v", err)
	}
	if info := must(os.Lstat(s.path(journalPath(all[6].Key)))); time.Since(info.ModTime()) > time.Hour {
		t.Errorf("last use %s", info.ModTime())
	}
	for _, k := range keys {
		r, err := s.Lookup(k)
		if want[k] == nil != errors.Is(err, ErrNotFound) || cmp.Diff(want[k], r) != "" {
			t.Errorf("alone: %v, %v", r, err)
		}
	}

	// Without a database the journal has the same answers.
	must(0, os.RemoveAll(s.path(dbDir)))
	if diff := cmp.Diff(want, must(s.LookupAll(keys))); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkLookupThousand is the look of a plan of 1,000 recipes.
func BenchmarkLookupThousand(b *testing.B) {
	s := newStore(b)
	var keys []digest.Key
	for i := range 1000 {
		r := must(put(s, "hello", strconv.Itoa(i)))
		must(0, s.writeFile(journalPath(r.Key), must(r.encode()), 0o444))
		keys = append(keys, r.Key)
	}
	must(0, s.Rebuild(b.Context()))
	for b.Loop() {
		if n := len(must(s.LookupAll(keys))); n != 1000 {
			b.Fatalf("%d found", n)
		}
	}
}
