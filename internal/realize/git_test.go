package realize_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestGitSource: a commit is fetched once for both formats, and not at all for the
// key; with its server gone it can be built in other ways.
func TestGitSource(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.writeGit("git-both", "")
	bare := realize.Realizer{Recipes: b.Recipes, Arch: b.Arch}
	n, err := bare.Node(t.Context(), target("git-both rpm"))
	if err != nil || len(u.Asked()) > 0 {
		t.Fatalf("a key: %v, asked %q", err, u.Asked())
	}
	for _, want := range []string{
		fmt.Sprintf("\nsource \"main\" \"git\" %q %q\n", u.locked.Commit, u.tree), "\nspec \"source\" \"git-both.spec\"\n",
		fmt.Sprintf("\nepoch \"%d\"\n", testenv.FirstCommit),
	} {
		if !strings.Contains(string(n.Text), want) {
			t.Errorf("want %sin\n%s", want, n.Text)
		}
	}
	r := b.realize("git-both rpm", event.Built)
	if r.Key != n.Key || b.packaged(r, "usr/share/git-both") != "data\ndebian\ngit-both.spec\n" {
		t.Errorf("key %s, was %s", r.Key, n.Key)
	}
	asked := len(u.Asked())
	if got := b.states("git-both rpm"); asked == 0 ||
		!slices.Equal(got, []event.State{event.Queued, event.Waiting, event.Fetching, event.Waiting, event.Building, event.Built}) {
		t.Errorf("asked %d, states %q", asked, got)
	}
	r = b.realize("git-both", event.Built)
	if got := b.packaged(r, "list"); got != "data\ndebian\ngit-both.spec\n" {
		t.Errorf("holds %q", got)
	}
	if got := b.fetched(); len(got) > 0 || len(u.Asked()) != asked {
		t.Errorf("fetched again by %v: %q", got, u.Asked())
	}
	blob, err := b.store.Source(u.tree)
	if err != nil || !slices.Contains(r.Realization.Inputs, blob) {
		t.Errorf("kept as %s, %v; inputs %v", blob, err, r.Realization.Inputs)
	}

	u.Close()
	u.write("env: {ANOTHER: way}\n", nil)
	b.Offline = true
	for _, name := range []string{"git-both", "git-both rpm"} {
		if again := b.realize(name, event.Built); again.Key == r.Key || again.Realization.Output == (digest.Digest{}) {
			t.Errorf("%s: key %s", name, again.Key)
		}
	}
}

// TestGitSourceAtOnce: of two formats that want a commit at the same time one
// fetches it.
func TestGitSourceAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.writeGit("git-once", "")
	b.Jobs = 2
	if _, err := b.try("git-once", "git-once rpm"); err != nil {
		t.Fatalf("%v\n%s", err, b.log())
	}
	packs := 0
	for _, a := range u.Asked() {
		if strings.HasPrefix(a, "GET ") {
			packs++
		}
	}
	if got := b.fetched(); len(got) != 1 || packs != 1 {
		t.Errorf("fetched by %v, asked %q", got, u.Asked())
	}
}

// TestGitSourceRefused: what the server has or the tree says is not what the lock
// says, and nothing is kept of what is not the locked tree.
func TestGitSourceRefused(t *testing.T) {
	t.Parallel()
	other := digest.Of([]byte("another tree"))
	nowhere := strings.Repeat("1234567a", 5)
	main := func(change func(*recipe.Locked)) func(*recipe.Lock) {
		return func(l *recipe.Lock) {
			locked := l.Sources[recipe.Main]
			change(&locked)
			l.Sources[recipe.Main] = locked
		}
	}
	for name, tc := range map[string]struct {
		lock    func(*recipe.Lock)
		offline bool
		kept    bool   // the tree is the locked one
		want    string // URL and TREE stand for the repository's
		is      any    // for errors.As
	}{
		"git-tree": {
			lock: main(func(l *recipe.Locked) { l.Tree = other }),
			want: "source main: URL: tree is TREE, the lock says " + other.Short(), is: new(*realize.TreeError),
		},
		"git-version": {
			lock: main(func(l *recipe.Locked) { l.Version = "2-1" }), kept: true,
			want: "source main: recipe.lock does not fit: the changelog says 1-1 at 1778839200",
		},
		"git-depends": {
			lock: func(l *recipe.Lock) { l.Deb.Depends = []string{"made-up (>= 2)"} }, kept: true,
			want: `deb: recipe.lock does not fit: build dependency "made-up (>= 2)" is asked for no more`,
		},
		"git-commit": {
			lock: main(func(l *recipe.Locked) { l.Ref, l.Commit = nowhere, nowhere }),
			want: "fetch URL: commit 1234567 not found", is: new(*git.NotFoundError),
		},
		"git-offline": {offline: true, want: "fetch URL: offline", is: new(*git.OfflineError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			u := b.writeGit(name, "")
			u.write("", tc.lock)
			b.Offline = tc.offline
			results, err := b.try(name)
			want := name + ": deb: " + strings.NewReplacer("URL", u.URL, "TREE", u.tree.Short()).Replace(tc.want)
			if err == nil || err.Error() != want || results[0].State != event.Failed {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if tc.is != nil && !errors.As(err, tc.is) || tc.is == nil && !errors.Is(err, recipe.ErrLock) {
				t.Errorf("got %#v", err)
			}
			for _, id := range []digest.Digest{u.tree, other} {
				if _, err := b.store.Source(id); (err == nil) != (tc.kept && id == u.tree) {
					t.Errorf("source %s: %v", id.Short(), err)
				}
			}
			if slices.ContainsFunc(b.events, func(e event.Event) bool { return e.State == event.Building }) {
				t.Error("a build was begun")
			}
			b.nothing(name)
		})
	}
}

// large returns text of which the store's database has no copy, also compressed.
func large() string {
	var b strings.Builder
	for i := range 4000 {
		b.WriteString(digest.Of([]byte{byte(i), byte(i >> 8)}).Hex())
	}
	return b.String()
}

// TestKeptSource: the files of a commit outlive GC; what is damaged of them is
// fetched again.
func TestKeptSource(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
		t.Fatal(err)
	}
	b := openBench(t, dir)
	u := b.writeGit("git-kept", large())
	b.realize("git-kept", event.Built)
	b.gc()
	b.Offline = true
	u.write("env: {AFTER: gc}\n", nil)
	b.realize("git-kept", event.Built)

	blob, err := b.store.Source(u.tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := flip(b.store, blob); err != nil {
		t.Fatal(err)
	}
	u.write("env: {AFTER: damage}\n", nil)
	want := "git-kept: deb: fetch " + u.URL + ": offline"
	if _, err := b.try("git-kept"); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if got := b.quarantined(); !slices.Equal(got, []string{blob.Hex()}) {
		t.Errorf("put aside: %q", got)
	}
	b.Offline = false
	b.realize("git-kept", event.Built)

	// In one run, too.
	if err := flip(b.store, blob); err != nil {
		t.Fatal(err)
	}
	b.fetched()
	u.write("env: {AFTER: another}\n", nil)
	b.realize("git-kept", event.Built)
	if got := b.fetched(); !got["git-kept deb"] {
		t.Errorf("fetched by %v", got)
	}
	if got := b.quarantined(); !slices.Equal(got, []string{blob.Hex()}) {
		t.Errorf("put aside: %q", got)
	}
	// So is what names it.
	root := filepath.Join(dir, "roots", "source-"+u.tree.Hex())
	body, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if err := errors.Join(os.Remove(root), os.WriteFile(root, body, 0o444)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Source(u.tree); !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("a damaged root: %v", err)
	}
	u.write("env: {AFTER: its root}\n", nil)
	b.realize("git-kept", event.Built)
	b.quarantined()

	// What is whole, but of another tree, is not taken.
	other, err := realize.PackTree(b.store, os.DirFS("testdata"), digest.Of([]byte("testdata")))
	if err == nil {
		err = b.store.PutSource(u.tree, other)
	}
	got, digestErr := tree.Digest(os.DirFS("testdata"))
	if err := errors.Join(err, digestErr); err != nil {
		t.Fatal(err)
	}
	u.write("env: {AFTER: an exchange}\n", nil)
	want = "git-kept: deb: source main: the store: tree is " + got.Short() + ", the lock says " + u.tree.Short()
	if _, err := b.try("git-kept"); !errors.As(err, new(*realize.TreeError)) || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if _, err := b.store.Lookup(b.node("git-kept").Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("recorded: %v", err)
	}
	b.clean()
}
