package store

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestRecordLookup(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	got, err := s.Lookup(r.Key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&r, got); diff != "" {
		t.Error(diff)
	}
	if want := must(put(s, "hello", "a")); !cmp.Equal(want, r) {
		t.Error(cmp.Diff(want, r))
	}
	k := digest.KeyOf([]byte("another"))
	if _, err := s.Lookup(k); !errors.Is(err, ErrNotFound) || err.Error() != "key "+k.String()+": not in the store" {
		t.Errorf("a key never recorded: %v", err)
	}
	if report := wantClean(t, s); report.Realizations != 1 || report.Roots != 1 || report.Blobs != 6 {
		t.Errorf("report %+v", report)
	}
}

const helloJournal = `{
	"key": "sha256:8df8c1f5f9a5f4a6b3ef6bfdc1fd2fbb16a7a06d5d9a0e8b8a7d1f3b7f0a2b11",
	"recipe": "hello",
	"format": "deb",
	"arch": "amd64",
	"version": "1.0-1",
	"manifest": "MANIFEST",
	"output": "OUTPUT",
	"log": "LOG",
	"provenance": "PROVENANCE",
	"files": [
		{
			"name": "hello_1.0-1_amd64.deb",
			"digest": "FILE",
			"size": 15,
			"package": "hello",
			"version": "1.0-1",
			"arch": "amd64"
		}
	],
	"finished": "2026-01-02T03:04:05Z",
	"seconds": 1.5
}
`

func TestJournalFile(t *testing.T) {
	s := newStore(t)
	r := must(put(s, "hello", "a"))
	r.Finished = r.Finished.In(time.FixedZone("east", 7200)) // only the moment counts
	r = *must(s.Record(r, "hello-deb"))
	want := strings.NewReplacer("sha256:8df8c1f5f9a5f4a6b3ef6bfdc1fd2fbb16a7a06d5d9a0e8b8a7d1f3b7f0a2b11", r.Key.String(),
		"MANIFEST", r.Manifest.String(), "OUTPUT", r.Output.String(), "LOG", r.Log.String(),
		"PROVENANCE", r.Provenance.String(), "FILE", r.Files[0].Digest.String()).Replace(helloJournal)
	want += digest.Of([]byte(want)).String() + "\n"
	path := s.path("journal", r.Key.Hex())
	if diff := cmp.Diff(want, string(must(os.ReadFile(path)))); diff != "" {
		t.Error(diff)
	}
	if info := must(os.Lstat(path)); info.Mode() != 0o444 {
		t.Errorf("mode %s", info.Mode())
	}
}

func TestFirstWriterWins(t *testing.T) {
	s := newStore(t)
	first := realize(t, s, "hello", "a")
	second := must(put(s, "hello", "b"))
	second.Key = first.Key // not reproducible
	got, err := s.Record(second, "hello-deb")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&first, got); diff != "" {
		t.Error(diff)
	}
	if desc := must(s.Root("hello-deb")); desc.Digest.String() != first.Manifest.String() {
		t.Errorf("the root names %s", desc.Digest)
	}
	if diff := cmp.Diff(&first, must(s.Lookup(first.Key))); diff != "" {
		t.Error(diff)
	}
}

// TestFirstWriterWinsProcesses: two processes record what they have built for
// one key; both are told the same winner.
func TestFirstWriterWinsProcesses(t *testing.T) {
	for range 3 {
		s := newStore(t)
		var outs [2]func() string
		for i, salt := range []string{"a", "b"} {
			cmd := roleCommand(t, "contend", s.Dir(), salt)
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, os.Stderr
			must(0, cmd.Start())
			outs[i] = func() string {
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
				return out.String()
			}
		}
		a, b := outs[0](), outs[1]()
		if a == "" || a != b {
			t.Errorf("one was told %q, the other %q", a, b)
		}
		won := must(s.Lookup(contendedKey))
		if won.Manifest.String() != a {
			t.Errorf("told %s, found %s", a, won.Manifest)
		}
		if desc := must(s.Root("hello-deb")); desc.Digest.String() != a {
			t.Errorf("told %s, the root names %s", a, desc.Digest)
		}
		wantClean(t, s)
	}
}

// TestRecordReplacesWhatIsLost: the first writer has no claim once a blob of
// his is gone, else the key would be a miss for ever.
func TestRecordReplacesWhatIsLost(t *testing.T) {
	s := newStore(t)
	first := must(put(s, "hello", "a"))
	pad := strings.Repeat("too big for a copy in the database\n", 4096)
	first.Log = must(s.PutBytes([]byte(pad)))
	must(s.Record(first, "hello-deb"))
	must(0, os.Remove(s.BlobPath(first.Log)))
	if _, err := s.Lookup(first.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("a realization without its log: %v", err)
	}
	second := must(put(s, "hello", "b"))
	second.Key = first.Key
	if diff := cmp.Diff(&second, must(s.Record(second, "hello-deb"))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&second, must(s.Lookup(first.Key))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

func TestRecordRefuses(t *testing.T) {
	s := newStore(t)
	good := must(put(s, "hello", "a"))
	gone := digest.Of([]byte("gone"))
	for name, c := range map[string]struct {
		change func(*Realization)
		root   string
		want   string
		is     error
	}{
		"file":       {func(r *Realization) { r.Files[0].Digest = gone }, "x", "blob " + gone.String() + ": not in the store", ErrNotFound},
		"file size":  {func(r *Realization) { r.Files[0].Size++ }, "x", "blob " + good.Files[0].Digest.String() + ": not in the store", ErrNotFound},
		"log":        {func(r *Realization) { r.Log = gone }, "x", "blob " + gone.String() + ": not in the store", ErrNotFound},
		"manifest":   {func(r *Realization) { r.Manifest = gone }, "x", "blob " + gone.String() + ": not in the store", ErrNotFound},
		"no json":    {func(r *Realization) { r.Manifest = r.Log }, "x", "blob " + good.Log.String() + ": not in the store", ErrNotFound},
		"derivation": {func(r *Realization) { r.Key = digest.Key(gone) }, "x", "blob " + gone.String() + ": not in the store", ErrNotFound},
		"no key":     {func(r *Realization) { r.Key = digest.Key{} }, "x", "realization without a key", nil},
		"no recipe":  {func(r *Realization) { r.Recipe = "" }, "x", "realization without a recipe or a format", nil},
		"path":       {func(r *Realization) { r.Files[0].Name = "../x" }, "x", `realization with a file named "../x"`, nil},
		"root":       {func(*Realization) {}, "../x", `name "../x": want a letter or digit and up to 199 of A-Z a-z 0-9 . _ + -`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			r.Files = []File{good.Files[0]}
			c.change(&r)
			_, err := s.Record(r, c.root)
			if want := "record " + r.Key.String() + ": " + c.want; err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("not a %v", c.is)
			}
		})
	}
	if names := must(readNames(s.path(journalDir))); len(names) > 0 {
		t.Errorf("recorded all the same: %q", names)
	}
	if roots := must(s.Roots()); len(roots) > 0 {
		t.Errorf("roots: %v", roots)
	}
	wantClean(t, s)
}

func TestRealizations(t *testing.T) {
	s := newStore(t)
	want := map[digest.Key]Realization{}
	for _, salt := range []string{"a", "b", "c"} {
		r := realize(t, s, "hello", salt)
		want[r.Key] = r
	}
	check := func(when string) {
		t.Helper()
		got := map[digest.Key]Realization{}
		last := ""
		for _, r := range must(s.Realizations()) {
			got[r.Key] = r
			if r.Key.Hex() < last {
				t.Errorf("%s: not sorted by key", when)
			}
			last = r.Key.Hex()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	check("all in the database")
	// One that a crash has kept out of the database.
	r := must(put(s, "hello", "d"))
	must(0, s.writeFile(journalPath(r.Key), must(r.encode()), 0o444))
	want[r.Key] = r
	check("one in the journal only")
	must(0, os.RemoveAll(s.path(dbDir)))
	check("no database")
}

func FuzzParseRealization(f *testing.F) {
	r := Realization{
		Key: digest.KeyOf([]byte("k")), Recipe: "hello", Format: "deb", Arch: "all", Version: "1",
		Manifest: digest.Of([]byte("m")), Files: []File{{Name: "x.deb", Digest: digest.Of(nil), Package: "x"}}, Finished: testTime,
	}
	f.Add(must(r.encode()))
	f.Add([]byte(helloJournal))
	f.Add(seal([]byte(`{"key":1}` + "\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		// The fuzzer cannot guess a seal, so it works on what is below one.
		for _, file := range [][]byte{b, seal(b)} {
			r, err := parseRealization(file)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%v is not ErrCorrupt", err)
				}
				continue
			}
			if again := must(r.encode()); string(again) != string(file) {
				t.Errorf("parsed %q, printed %q", file, again)
			}
		}
	})
}
