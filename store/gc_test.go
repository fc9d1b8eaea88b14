package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// collectAll ends the session, so that nothing but roots holds anything, and
// runs GC: first dry, then in earnest, and again.
func collectAll(t *testing.T, s *Store) Plan {
	t.Helper()
	return collectBy(t, s, Policy{})
}

// collectBy is collectAll with a policy.
func collectBy(t *testing.T, s *Store, p Policy) Plan {
	t.Helper()
	must(0, s.Close())
	before := stamps(t, s.Dir())
	dry := must(s.GC(t.Context(), p, true))
	if diff := cmp.Diff(before, stamps(t, s.Dir())); diff != "" {
		t.Errorf("a dry run changed: %s", diff)
	}
	if diff := cmp.Diff(dry, must(s.GC(t.Context(), p, false))); diff != "" {
		t.Errorf("the dry run's plan differs: %s", diff)
	}
	if again := must(s.GC(t.Context(), p, false)); len(again.Items) > 0 {
		t.Errorf("a second gc removes %v", again.Items)
	}
	return dry
}

// items returns the plan's lines without sizes.
func items(p Plan) []string {
	var lines []string
	var n int64
	for _, i := range p.Items {
		lines = append(lines, i.Kind+" "+i.Name)
		n += i.Size
	}
	if n != p.Bytes {
		lines = append(lines, fmt.Sprintf("Bytes %d, items have %d", p.Bytes, n))
	}
	return lines
}

func sorted(lines ...string) []string {
	slices.Sort(lines)
	return lines
}

func TestGC(t *testing.T) {
	s := newStore(t)
	old := realize(t, s, "hello", "old")
	now := realize(t, s, "hello", "new") // the root moves on
	tree := realize(t, s, "tree", "a")
	loose := must(s.PutBytes([]byte("loose")))
	want := sorted("realization "+old.Key.String(), "blob "+old.Key.Text().String(), "blob "+old.Manifest.String(),
		"blob "+old.Log.String(), "blob "+old.Provenance.String(), "blob "+old.Files[0].Digest.String(), "blob "+loose.String())
	journal := must(os.Stat(s.path(journalPath(old.Key)))).Size()
	sizes := int64(len("loose")) + journal
	for _, d := range old.blobs() {
		n, _ := s.HasBlob(d)
		sizes += n
	}
	plan := collectAll(t, s)
	if diff := cmp.Diff(want, items(plan)); diff != "" {
		t.Error(diff)
	}
	if plan.Bytes != sizes {
		t.Errorf("%d bytes, want %d", plan.Bytes, sizes)
	}
	for _, r := range []Realization{now, tree} {
		if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := s.Lookup(old.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old one: %v", err)
	}
	if report := wantClean(t, s); report.Realizations != 2 || report.Blobs != 2*5+1 {
		t.Errorf("report %+v", report)
	}
	if _, err := os.Stat(s.path(reserveFile)); err != nil {
		t.Error(err)
	}
}

// TestGCWithoutDatabase: the plan and the lookups are those that the database
// would give, and do not need it.
func TestGCWithoutDatabase(t *testing.T) {
	s := newStore(t)
	realize(t, s, "hello", "old")
	now := realize(t, s, "hello", "new")
	must(0, s.Close())
	want := must(s.GC(t.Context(), Policy{}, true))
	if len(want.Items) != 6 {
		t.Errorf("plan %v", want.Items)
	}
	must(0, os.RemoveAll(s.path(dbDir)))
	if diff := cmp.Diff(want, must(s.GC(t.Context(), Policy{}, true))); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Lstat(s.path(dbDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry gc made a database: %v", err)
	}
	if diff := cmp.Diff(&now, must(s.Lookup(now.Key))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, must(s.GC(t.Context(), Policy{}, true))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

// TestGCKilled: at no moment does the database name what the journal does not.
func TestGCKilled(t *testing.T) {
	s := newStore(t)
	old := realize(t, s, "hello", "old")
	now := realize(t, s, "hello", "new")
	must(0, s.Close())
	must(0, s.removeEntries(must(s.GC(t.Context(), Policy{}, true)))) // and no further
	if _, err := s.Lookup(old.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old one: %v", err)
	}
	if diff := cmp.Diff(&now, must(s.Lookup(now.Key))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
	if plan := must(s.GC(t.Context(), Policy{}, false)); len(plan.Items) != 5 {
		t.Errorf("the next gc removes %v", items(plan))
	}
	wantClean(t, s)
}

// TestGCImages: an image stays while a root names it, or a live realization was
// built with it, and its tree with it.
func TestGCImages(t *testing.T) {
	s := newStore(t)
	first, second := putImage(t, s, "first"), putImage(t, s, "second")
	must(0, s.SetRoot("debian-12-deb", first.desc))
	r := must(put(s, "hello", "a"))
	r.Builder = first.config
	must(s.Record(r, "hello-deb"))
	must(0, s.SetRoot("debian-12-deb", second.desc))
	if plan := collectAll(t, s); len(plan.Items) > 0 {
		t.Errorf("removed in use: %v", items(plan))
	}
	must(s.Tree(first.diff))

	moved := must(put(s, "hello", "b"))
	moved.Builder = second.config
	must(s.Record(moved, "hello-deb"))
	plan := collectAll(t, s)
	want := sorted("realization "+r.Key.String(), "blob "+r.Key.Text().String(), "blob "+r.Manifest.String(), "blob "+r.Log.String(),
		"blob "+r.Provenance.String(), "blob "+r.Files[0].Digest.String(), "blob "+first.manifest.String(), "blob "+first.config.String(),
		"blob "+first.diff.String(), "tree "+first.diff.String())
	if diff := cmp.Diff(want, items(plan)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Tree(first.diff); !errors.Is(err, ErrNotFound) {
		t.Errorf("the first tree: %v", err)
	}
	must(s.Tree(second.diff))
	wantClean(t, s)
}

// TestGCIndex: a root may be an index of images.
// TestGCWhileNeeded: a name that keeps nothing lasts as long as a realization
// that was built with its image, or a session that holds it.
func TestGCWhileNeeded(t *testing.T) {
	s := newStore(t)
	under := putImage(t, s, "under")
	must(0, s.SetRoot("under", under.desc))
	needed, loose := putImage(t, s, "needed"), putImage(t, s, "loose")
	must(0, s.SetRootWhileNeeded("extension_needed", needed.desc))
	must(0, s.SetRootWhileNeeded("extension_loose", loose.desc))
	if got := must(s.Root("extension_needed")); got.Digest != needed.desc.Digest || got.Size != needed.desc.Size {
		t.Errorf("root %+v", got)
	}
	r := must(put(s, "hello", "a"))
	r.Builder = needed.config
	must(s.Record(r, "hello-deb"))
	if plan := must(s.GC(t.Context(), Policy{}, true)); len(plan.Items) > 0 {
		t.Errorf("a living session: %v", items(plan))
	}
	gone := func(name string, im image) []string {
		var layer v1.Manifest
		must(0, json.Unmarshal(must(os.ReadFile(s.BlobPath(im.manifest))), &layer))
		return []string{
			"root " + name, "blob " + im.manifest.String(), "blob " + im.config.String(),
			"blob " + string(layer.Layers[0].Digest), "tree " + im.diff.String(),
		}
	}
	want := sorted(gone("extension_loose", loose)...)
	if diff := cmp.Diff(want, items(collectAll(t, s))); diff != "" {
		t.Error(diff)
	}
	if roots := slices.Sorted(maps.Keys(must(s.Roots()))); !slices.Equal(roots, []string{"extension_needed", "hello-deb", "under"}) {
		t.Errorf("roots %q", roots)
	}
	if _, err := s.Tree(needed.diff); err != nil {
		t.Error(err)
	}
	wantClean(t, s)

	want = gone("extension_needed", needed)
	realize(t, s, "hello", "b") // built with nothing
	for _, d := range r.blobs() {
		want = append(want, "blob "+d.String())
	}
	want = append(want, "realization "+r.Key.String())
	if diff := cmp.Diff(sorted(want...), items(collectAll(t, s))); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Tree(under.diff); err != nil {
		t.Error(err)
	}
	wantClean(t, s)
}

func TestGCIndex(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	text := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		v1.MediaTypeImageIndex, v1.MediaTypeImageManifest, im.desc.Digest, im.desc.Size)
	d := must(s.PutBytes([]byte(text)))
	desc := must(s.describe(d))
	must(0, s.SetRoot("both", desc))
	// A release is a file of its own kind: it holds itself.
	release := must(s.PutBytes([]byte("{}")))
	must(0, s.SetRoot("release-1", v1.Descriptor{MediaType: "application/vnd.pbuild.release.v1", Digest: manifestDesc(release).Digest, Size: 2}))
	if plan := collectAll(t, s); len(plan.Items) > 0 {
		t.Errorf("removed: %v", items(plan))
	}
	must(s.Tree(im.diff))
	wantClean(t, s)
}

// TestGCRefusesADamagedRoot: what it named would be lost.
func TestGCRefusesADamagedRoot(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	desc := must(s.Root("hello-deb"))
	must(0, s.Close())
	overwrite(s.path(rootsDir, "hello-deb"), flipByte(60))
	_, err := s.GC(t.Context(), Policy{}, false)
	want := "gc: root hello-deb: damaged in the store: its seal does not fit: set it again, or remove it"
	if !errors.Is(err, ErrCorrupt) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	must(s.Lookup(r.Key))
	must(0, s.SetRoot("hello-deb", desc))
	wantClean(t, s)
}

// TestGCForeignFiles stay, and Verify names them.
func TestGCForeignFiles(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{blobsDir + "/notes", journalDir + "/notes", treesDir + "/notes"} {
		must(0, os.WriteFile(s.path(name), nil, 0o644))
	}
	if plan := must(s.GC(t.Context(), Policy{}, false)); len(plan.Items) > 0 {
		t.Errorf("removed %v", items(plan))
	}
	want := []Problem{
		{"blobs/sha256/notes", "not a blob: its name is no digest"},
		{"journal/notes", "not an entry: its name is no key"},
		{"trees/notes", "not a tree: its name is no digest"},
	}
	if diff := cmp.Diff(want, must(s.Verify(t.Context())).Problems); diff != "" {
		t.Error(diff)
	}
}
