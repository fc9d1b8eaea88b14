package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocidigest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// harmless are the files of a store that nothing relies on: what damage does to them
// is nobody's loss. The rest is noticed, all of it.
var harmless = []struct{ pattern, why string }{
	{"reserve", "its blocks are what counts"},
	{"locks/*", "locks are of the file, not of what is in it, and are made again"},
	{"failed/*", "what failed builds left is for people to look at"},
}

// unseen are damages that Verify can't see, or need not.
var unseen = []struct{ damage, pattern, why string }{
	{"gone", "format", "a store without it is one half made: Open makes it, and keeps what is there"},
	{"gone", "roots/*", "a name that is gone is one that was removed"},
	{"flipped", "db/DISCARD", "counts of values outside of the tables, of which there are none"},
	{"gone", "db/SUM", "as a killed writer leaves it: the next one opens it for writing"},
}

// fullStore is a store with each kind of file: of a build that succeeded, in an image,
// from a source, with a blob too large for the database's copies of each kind that may
// be, and of one that failed.
func fullStore(t *testing.T) (s *Store, r Realization, im image) {
	t.Helper()
	s = newStore(t)
	im = putImage(t, s, "a")
	must(0, s.SetRoot("debian-12-base", im.desc))
	tree := must(s.PutBytes([]byte("packed tree")))
	must(0, s.PutSource(digest.Of([]byte("a tree")), tree))
	large := must(s.PutBytes(bytes.Repeat([]byte("large source "), copyLimit/8)))
	file := bytes.Repeat([]byte("large package "), copyLimit/8)
	r = must(put(s, "hello", "a"))
	r.Files[0].Digest, r.Files[0].Size = must(s.PutBytes(file)), int64(len(file))
	r.Files[0].Output = must(s.PutBytes([]byte("contents\n")))
	manifest := strings.NewReplacer(
		string(manifestDesc(digest.Of([]byte("!<arch>\nhello a"))).Digest), r.Files[0].Digest.String(),
		`"size":15`, `"size":`+strconv.FormatInt(r.Files[0].Size, 10)).Replace(string(must(os.ReadFile(s.BlobPath(r.Manifest)))))
	r.Manifest = must(s.PutBytes([]byte(manifest)))
	r.Builder, r.Inputs = im.config, []digest.Digest{tree, large}
	r = *must(s.Record(r, "hello-deb"))
	must(0, s.KeepFailedLog(planned("hello", "failed"), strings.NewReader("log\n")))
	must(0, s.Close())
	must(s.GC(t.Context(), Policy{}, false)) // what put has made in vain
	wantClean(t, s)
	return s, r, im
}

// files returns the names of all files below a store, in the order of a walk.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	must(0, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		names = append(names, must(filepath.Rel(dir, path)))
		return nil
	}))
	return names
}

// copyStore copies a store with modes, times, hard and symbolic links, as a backup
// tool does.
func copyStore(t *testing.T, from, to string) {
	t.Helper()
	linked := map[uint64]string{}
	type dir struct {
		path string
		info fs.FileInfo
	}
	var dirs []dir
	must(0, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, must(filepath.Rel(from, path)))
		info := must(d.Info())
		switch {
		case d.IsDir():
			dirs = append(dirs, dir{target, info})
			return os.MkdirAll(target, 0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			must(0, os.Symlink(must(os.Readlink(path)), target))
			at := unix.NsecToTimespec(info.ModTime().UnixNano())
			return unix.UtimesNanoAt(unix.AT_FDCWD, target, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
		case filepath.Base(path) == reserveFile:
			return nil
		}
		id := info.Sys().(*syscall.Stat_t).Ino
		if first, ok := linked[id]; ok {
			return os.Link(first, target)
		}
		linked[id] = target
		must(0, os.WriteFile(target, must(os.ReadFile(path)), 0o600))
		must(0, os.Chmod(target, info.Mode()))
		return os.Chtimes(target, info.ModTime(), info.ModTime())
	}))
	for _, d := range slices.Backward(dirs) {
		must(0, os.Chmod(d.path, d.info.Mode().Perm()))
		must(0, os.Chtimes(d.path, d.info.ModTime(), d.info.ModTime()))
	}
}

// TestEachFileDamaged flips a byte of each file below a store, cuts it to nothing and
// removes it, one at a time, and flips it where there is no database with copies. Verify names that very file, or what it belongs to;
// Repair says what became of it; then the store is whole, and what is asked for again
// is what it was.
func TestEachFileDamaged(t *testing.T) {
	t.Parallel()
	original, r, im := fullStore(t)
	layer := im.diff // uncompressed: its own diff ID
	damages := map[string]func(path string, info fs.FileInfo) error{
		"flipped": func(path string, info fs.FileInfo) error {
			overwrite(path, flipByte(int(info.Size()/2)))
			return nil
		},
		"cut": func(path string, _ fs.FileInfo) error {
			overwrite(path, func([]byte) []byte { return nil })
			return nil
		},
		"gone": func(path string, _ fs.FileInfo) error { return os.Remove(path) },
	}
	const noCopies = "flipped, without a database,"
	damages[noCopies] = damages["flipped"]
	matches := func(pattern, name string) bool { return must(filepath.Match(pattern, name)) }
	kinds := map[string]int{}
	for _, name := range files(t, original.Dir()) {
		if name == reserveFile {
			continue // not copied
		}
		kinds[strings.Split(name, "/")[0]]++
		for damage, do := range damages {
			t.Run(damage+" "+name, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "store")
				copyStore(t, original.Dir(), dir)
				path := filepath.Join(dir, name)
				info := must(os.Lstat(path))
				if damage != "gone" && (info.Size() == 0 || !info.Mode().IsRegular()) {
					return // nothing to flip or to cut
				}
				must(0, do(path, info))
				if damage == noCopies {
					if strings.HasPrefix(name, dbDir+"/") {
						return
					}
					must(0, os.RemoveAll(filepath.Join(dir, dbDir)))
				}
				expected := true
				for _, h := range harmless {
					expected = expected && !matches(h.pattern, name)
				}
				for _, u := range unseen {
					expected = expected && !(u.damage == damage && matches(u.pattern, name))
				}
				s, err := Open(dir)
				if name == formatFile && damage != "gone" {
					if err == nil || !strings.Contains(err.Error(), ErrFormat.Error()) {
						t.Errorf("opened: %v", err)
					}
					must(0, os.Remove(path)) // as the hint says
					s, err = Open(dir)
					expected = false
				}
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				problems := must(s.Verify(t.Context())).Problems
				if (len(problems) > 0) != expected {
					t.Errorf("noticed: %v", problems)
				}
				if expected && !slices.ContainsFunc(problems, func(p Problem) bool { return belongs(name, p) }) {
					t.Errorf("not named: %v", problems)
				}
				all, report, err := s.Repair(t.Context())
				if err != nil || len(report.Problems) > 0 {
					t.Fatalf("after repair: %v, %v", report.Problems, err)
				}
				for _, one := range all {
					if one.Outcome == Lost || one.Outcome == "" || one.How == "" {
						t.Errorf("%+v", one)
					}
				}
				if expected != (len(all) > 0) {
					t.Errorf("repaired: %+v", all)
				}
				must(0, os.RemoveAll(s.path(quarantineDir)))
				must(0, os.Mkdir(s.path(quarantineDir), 0o700))
				wantClean(t, s)

				// Who wants it has it again, the same as before.
				if _, err := s.Lookup(r.Key); err != nil {
					again := must(put(s, "hello", "a"))
					again.Files, again.Manifest, again.Builder, again.Inputs = r.Files, r.Manifest, r.Builder, nil
					must(s.PutBytes(bytes.Repeat([]byte("large package "), copyLimit/8)))
					must(s.PutBytes([]byte("contents\n")))
					must(s.PutBytes(must(os.ReadFile(original.BlobPath(r.Manifest)))))
					must(s.Record(again, "hello-deb"))
				}
				if _, err := s.Tree(layer); err != nil {
					putTree(t, s, must(os.ReadFile(original.BlobPath(layer))))
				}
				got := must(s.Lookup(r.Key))
				if got.Manifest != r.Manifest || !cmp.Equal(got.Files, r.Files) {
					t.Errorf("got %+v, had %+v", got, r)
				}
				must(s.VerifyTree(t.Context(), layer))
				must(0, s.Close())
				must(s.GC(t.Context(), Policy{KeepWithin: time.Hour}, false))
				wantClean(t, s)
			})
		}
	}
	for _, kind := range []string{"blobs", "db", "failed", "format", "index.json", "journal", "locks", "oci-layout", "roots", "trees"} {
		if kinds[kind] == 0 {
			t.Errorf("the store has no %s", kind)
		}
	}
}

// belongs reports whether a problem names a file: by its path, by the tree or the
// database that it is part of, or, where a blob is gone, by its digest.
func belongs(name string, p Problem) bool {
	parts := strings.Split(name, "/")
	switch parts[0] {
	case dbDir:
		return p.Path == dbDir
	case treesDir:
		return p.Path == name || strings.HasPrefix(p.Path, strings.TrimSuffix(treesDir+"/"+parts[1], ".ledger"))
	case "blobs":
		return p.Path == name || strings.Contains(p.What, "blob sha256:"+parts[2])
	case journalDir:
		return p.Path == name || p.Path == dbDir && strings.Contains(p.What, parts[1])
	}
	return p.Path == name
}

// TestRepairOutcomes: what is said of each problem.
func TestRepairOutcomes(t *testing.T) {
	s, r, im := fullStore(t)
	release := must(s.PutBytes(bytes.Repeat([]byte("a release "), copyLimit/8)))
	size, _ := s.HasBlob(release)
	must(0, s.SetRoot("release-1", v1.Descriptor{MediaType: "application/vnd.pbuild.release.v1", Digest: ocidigest.Digest(release.String()), Size: size}))
	must(0, s.Close())
	journal := journalPath(r.Key)
	used := time.Now().Add(-time.Hour).Truncate(time.Second)
	setUse(s, journal, used)
	large := r.Inputs[0]
	if size, _ := s.HasBlob(large); size <= copyLimit {
		large = r.Inputs[1]
	}
	overwrite(s.BlobPath(large), flipByte(9))
	overwrite(s.BlobPath(r.Log), flipByte(0))
	overwrite(s.BlobPath(release), flipByte(0))
	overwrite(s.path("roots/debian-12-base"), flipByte(20))
	overwrite(s.path(treesDir, im.diff.Hex(), "usr/salt"), flipByte(0))
	must(0, os.WriteFile(s.path("blobs/sha256/notes"), nil, 0o600))
	must(0, os.Chmod(s.Dir(), 0o750))
	all, report, err := s.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range all {
		line := string(one.Outcome) + " " + one.Path + ": " + one.How
		if one.Recipe != "" {
			line += ": " + one.Recipe + " " + one.Format
		}
		got = append(got, line)
	}
	tree := treesDir + "/" + im.diff.Hex()
	want := []string{
		"dropped " + tree + ": unpacked again from its layer when it is used",
		"dropped blobs/sha256/" + large.Hex() + ": set aside in quarantine/",
		"dropped blobs/sha256/" + release.Hex() + ": set aside in quarantine/",
		"healed .: made anew",
		"healed blobs/sha256/" + r.Log.Hex() + ": from the database's copy, or its mode",
		"healed " + journal + ": what it was built from is fetched again when it is built again: hello deb",
		"healed roots/debian-12-base: from index.json",
		"lost blobs/sha256/notes: nothing here heals it",
		"lost roots/release-1: nothing here makes what it names",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(report.Problems) != 2 {
		t.Errorf("left: %v", report.Problems)
	}
	kept := must(s.Lookup(r.Key))
	if len(kept.Inputs) != 1 || kept.Inputs[0] == large {
		t.Errorf("inputs %v", kept.Inputs)
	}
	if got := must(lastUse(s.path(journal))); !got.Equal(used) {
		t.Errorf("last use %s, was %s", got, used)
	}

	// A second one finds nothing more to do.
	must(0, os.Remove(s.path("blobs/sha256/notes")))
	must(0, s.RemoveRoot("release-1"))
	if all, report, err := s.Repair(t.Context()); err != nil || len(all) > 0 || len(report.Problems) > 0 {
		t.Errorf("again: %+v, %v, %v", all, report.Problems, err)
	}
}

// TestRepairEnds: an end of its context is an error, and no more.
func TestRepairEnds(t *testing.T) {
	s := newStore(t)
	realize(t, s, "hello", "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if all, report, err := s.Repair(ctx); !errors.Is(err, context.Canceled) || all != nil || report.Blobs != 0 {
		t.Errorf("got %v, %v, %v", all, report, err)
	}
	wantClean(t, s)
}

// TestRepairKilled: after each step the database knows no more than the journal.
func TestRepairKilled(t *testing.T) {
	s, r, _ := fullStore(t)
	for _, d := range append(r.Inputs, r.Files[0].Digest) {
		if size, _ := s.HasBlob(d); size <= copyLimit {
			continue
		}
		must(0, os.Remove(s.BlobPath(d)))
		must(0, (&repairs{s: s, done: map[string]Repaired{}}).entries()) // and no further
		for _, p := range must(s.Verify(t.Context())).Problems {
			if p.Path == dbDir {
				t.Errorf("%s", p.What)
			}
		}
	}
	if _, err := s.Lookup(r.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestRepairOddFiles: one file with the mode, the kind or the owner of another does not
// end the repair of the rest, nor a gc, nor a list.
func TestRepairOddFiles(t *testing.T) {
	dir := func(path string) error { return errors.Join(os.Remove(path), os.MkdirAll(path+"/sub", 0o755)) }
	closed := func(path string) error { return os.Chmod(path, 0) }
	for name, c := range map[string]struct {
		file func(s *Store, r Realization, im image) string
		odd  func(path string) error
	}{
		"a ledger of mode 0":              {func(s *Store, _ Realization, im image) string { return s.ledgerPath(im.diff) }, closed},
		"a ledger that is a directory":    {func(s *Store, _ Realization, im image) string { return s.ledgerPath(im.diff) }, dir},
		"an entry of mode 0":              {func(s *Store, r Realization, _ image) string { return s.path(journalPath(r.Key)) }, closed},
		"an entry that is a directory":    {func(s *Store, r Realization, _ image) string { return s.path(journalPath(r.Key)) }, dir},
		"a blob that is a directory":      {func(s *Store, r Realization, _ image) string { return s.BlobPath(r.Log) }, dir},
		"a manifest of mode 0":            {func(s *Store, _ Realization, im image) string { return s.BlobPath(im.manifest) }, closed},
		"a manifest that is a directory":  {func(s *Store, _ Realization, im image) string { return s.BlobPath(im.manifest) }, dir},
		"a root that is a directory":      {func(s *Store, _ Realization, im image) string { return s.path("roots/debian-12-base") }, dir},
		"a foreign directory like a key":  {func(s *Store, _ Realization, im image) string { return s.path(journalPath(planned("hello", "other"))) }, dir},
		"a foreign directory like a blob": {func(s *Store, _ Realization, im image) string { return s.BlobPath(digest.Of([]byte("other"))) }, dir},
	} {
		t.Run(name, func(t *testing.T) {
			s, r, im := fullStore(t)
			release := must(s.PutBytes(bytes.Repeat([]byte("a release "), copyLimit/8)))
			must(0, s.Close())
			overwrite(s.BlobPath(release), flipByte(0))
			path := c.file(s, r, im)
			_ = os.WriteFile(path, nil, 0o644&^0o222) // where there is none
			must(0, c.odd(path))
			if os.Geteuid() != 0 || !strings.HasSuffix(name, "mode 0") { // root reads it
				if problems := must(s.Verify(t.Context())).Problems; len(problems) < 2 {
					t.Errorf("noticed: %v", problems)
				}
			}
			must(s.Realizations())
			all, report, err := s.Repair(t.Context())
			if err != nil || len(report.Problems) > 0 {
				t.Fatalf("after repair: %v, %v", report.Problems, err)
			}
			for _, one := range all {
				if one.Outcome == Lost {
					t.Errorf("%+v", one)
				}
			}
			must(s.Lookup(r.Key))
			must(0, s.Close())
			must(s.GC(t.Context(), Policy{}, false))
			wantClean(t, s)
		})
	}
}

// TestRepairBusy: what can't be looked at just now is not dropped.
func TestRepairBusy(t *testing.T) {
	if os.Geteuid() == 0 {
		return // may look everywhere
	}
	s, r, _ := fullStore(t)
	must(0, os.Chmod(s.path(blobsDir), 0o600)) // names, and no more
	defer os.Chmod(s.path(blobsDir), 0o700)
	if _, _, err := s.Repair(t.Context()); err == nil {
		t.Error("it went on")
	}
	must(0, os.Chmod(s.path(blobsDir), 0o700))
	must(s.Lookup(r.Key))
	must(0, s.Close())
	wantClean(t, s)
}

// TestQuarantineStays for a week, unless the policy keeps nothing.
func TestQuarantineStays(t *testing.T) {
	s := newStore(t)
	d := must(s.PutBytes([]byte("text")))
	must(0, s.Close())
	setUse(s, blobsDir+"/"+d.Hex(), time.Now().Add(-30*day)) // put long ago
	overwrite(s.BlobPath(d), flipByte(0))
	if err := s.CheckBlob(d); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	aside := func(p Policy) int { return len(must(s.GC(t.Context(), p, true)).Items) }
	if n := aside(Policy{KeepWithin: day}); n != 0 {
		t.Errorf("%d go at once", n)
	}
	if n := aside(Policy{}); n != 1 {
		t.Errorf("%d go where nothing is kept", n)
	}
	s.now = func() time.Time { return time.Now().Add(8 * day) }
	if n := aside(Policy{KeepWithin: day}); n != 1 {
		t.Errorf("%d go after a week", n)
	}
}
