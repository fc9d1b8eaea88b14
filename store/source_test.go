package store

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestSource(t *testing.T) {
	s := newStore(t)
	id := digest.Of([]byte("a tree"))
	if _, err := s.Source(id); !errors.Is(err, ErrNotFound) || err.Error() != "source "+id.String()+": not in the store" {
		t.Errorf("before: %v", err)
	}
	absent := digest.Of([]byte("absent"))
	want := "source " + id.String() + ": blob " + absent.String() + ": not in the store"
	if err := s.PutSource(id, absent); !errors.Is(err, ErrNotFound) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	first, second := must(s.PutBytes([]byte("packed"))), must(s.PutBytes([]byte("packed better")))
	for _, blob := range []digest.Digest{first, second, second} {
		must(0, s.PutSource(id, blob))
		if got := must(s.Source(id)); got != blob {
			t.Errorf("got %s, want %s", got, blob)
		}
	}
	lately := Policy{KeepWithin: time.Hour}
	if diff := cmp.Diff([]string{"blob " + first.String()}, items(collectBy(t, s, lately))); diff != "" {
		t.Error(diff)
	}
	if got := must(s.Source(id)); got != second {
		t.Errorf("after gc: %s", got)
	}
	if report := wantClean(t, s); report.Roots != 1 || report.Blobs != 1 {
		t.Errorf("report %+v", report)
	}

	// What is wrong with it Verify names.
	path := s.path(rootsDir, "source-"+id.Hex())
	overwrite(path, flipByte(20))
	if _, err := s.Source(id); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if got := must(s.Verify(t.Context())).Problems; len(got) != 1 || got[0].Path != "roots/source-"+id.Hex() {
		t.Errorf("verify: %v", got)
	}
	must(0, s.PutSource(id, second))
	wantClean(t, s)
	must(0, os.Remove(s.BlobPath(second)))
	want = "source " + id.String() + ": not in the store: blob " + second.String() + " is lost"
	if _, err := s.Source(id); !errors.Is(err, ErrNotFound) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	problem := Problem{"roots/source-" + id.Hex(), "blob " + second.String() + ": not in the store"}
	if diff := cmp.Diff([]Problem{problem}, must(s.Verify(t.Context())).Problems); diff != "" {
		t.Error(diff)
	}

	// A root that somebody else gave this name is no source.
	im := putImage(t, s, "a")
	must(0, s.SetRoot("source-"+id.Hex(), im.desc))
	if got, err := s.Source(id); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestInputs are kept as long as the realization; without one it is still a hit,
// and Verify says what is lost.
func TestInputs(t *testing.T) {
	s := newStore(t)
	b, a := must(s.PutBytes([]byte("b"))), must(s.PutBytes([]byte("a")))
	loose := must(s.PutBytes([]byte("loose")))
	r := must(put(s, "hello", "a"))
	gone := digest.Of([]byte("gone"))
	r.Inputs = []digest.Digest{gone}
	want := "record " + r.Key.String() + ": blob " + gone.String() + ": not in the store"
	if _, err := s.Record(r, "hello-deb"); !errors.Is(err, ErrNotFound) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	r.Inputs = []digest.Digest{b, a, b} // whatever their order, one text
	kept := must(s.Record(r, "hello-deb"))
	if diff := cmp.Diff([]digest.Digest{b, a, b}, r.Inputs); diff != "" {
		t.Error(diff)
	}
	sum := []digest.Digest{b, a} // by their sha256
	if diff := cmp.Diff(sum, kept.Inputs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"blob " + loose.String()}, items(collectAll(t, s))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)

	// A small one has its copy.
	overwrite(s.BlobPath(a), flipByte(0))
	if err := s.CheckBlob(a); err != nil {
		t.Error(err)
	}
	must(0, s.updateDB(func(w *batch) error { return w.txn.Delete(copyKey(a)) }))
	must(0, os.Remove(s.BlobPath(a)))
	if diff := cmp.Diff(kept, must(s.Lookup(r.Key))); diff != "" {
		t.Error(diff)
	}
	problem := Problem{journalPath(r.Key), "blob " + a.String() + ": not in the store"}
	if diff := cmp.Diff([]Problem{problem}, must(s.Verify(t.Context())).Problems); diff != "" {
		t.Error(diff)
	}
	must(s.PutBytes([]byte("a")))

	// The next one needs other inputs, and takes over the name.
	realize(t, s, "hello", "b")
	collectAll(t, s)
	for _, d := range sum {
		if _, ok := s.HasBlob(d); ok {
			t.Errorf("input %s outlives what was built from it", d)
		}
	}
	wantClean(t, s)
}

func TestParseInputs(t *testing.T) {
	s := newStore(t)
	r := must(put(s, "hello", "a"))
	x, y := digest.Digest{1}, digest.Digest{2}
	for _, c := range []struct {
		inputs []digest.Digest
		ok     bool
	}{
		{nil, true},
		{[]digest.Digest{x, y}, true},
		{[]digest.Digest{y, x}, false},
		{[]digest.Digest{x, x}, false},
		{[]digest.Digest{{}}, false},
	} {
		r.Inputs = c.inputs
		if _, err := parseRealization(must(r.encode())); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", c.inputs, err)
		}
	}
}
