package lock_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/lock"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// TestLockPack: the lock says of each source which commit its ref is, and what kind of
// ref that is; of the main one also its count and version. It is made without apt where
// nothing is asked for, and is made once.
func TestLockPack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main, one, two := newRepository(t), newRepository(t), newRepository(t)
	first := main.Commit("main", "first", packaging("packed"))
	onePinned := one.Commit("main", "one", map[string]string{"a": "1\n"})
	one.Git("tag", "v1", onePinned)
	one.Commit("main", "one more", map[string]string{"a": "2\n"})
	twoPinned := two.Commit("main", "two", map[string]string{"b": "1\n"})
	yaml := replaced(packed, "MAIN", main.URL, "REF-ONE", "v1", "ONE", one.URL, "REF-TWO", twoPinned, "TWO", two.URL)
	b.put("packed", map[string]string{"recipe.yaml": yaml})
	if err := b.Stale(t.Context(), "packed"); !errors.Is(err, recipe.ErrLock) {
		t.Errorf("without a lock: %v", err)
	}

	res := b.lock("packed", false)
	tree := func(source string) string { return res.Lock.Sources[source].Tree.String() }
	want := fmt.Sprintf(`# Made by pbuild lock; review, don't edit.
format: 1
sources:
  main:
    ref: "main"
    kind: branch
    commit: %q
    tree: %s
    epoch: 1234567890
    count: 1
    version: "1:2.0-3"
  mods/one:
    ref: "v1"
    kind: tag
    commit: %q
    tree: %s
    epoch: 1234567890
  mods/two:
    ref: %q
    commit: %[5]q
    tree: %[6]s
    epoch: 1234567890
rpm: {}
deb: {}
`, first, tree("main"), onePinned, tree("mods/one"), twoPinned, tree("mods/two"))
	if diff := cmp.Diff(want, string(res.Lock.Text())); diff != "" {
		t.Error(diff)
	}
	notes := []string{
		"main: main is commit " + first, "mods/one: v1 is commit " + onePinned, "mods/two: commit " + twoPinned,
		"rpm: the builder holds all that is asked for", "deb: the builder holds all that is asked for",
	}
	if !slices.Equal(res.Notes, notes) || !res.Changed || res.Commits != nil || len(res.Lists) > 0 {
		t.Errorf("notes %q, commits %v, lists %v", res.Notes, res.Commits, res.Lists)
	}
	if err := b.Stale(t.Context(), "packed"); err != nil {
		t.Errorf("stale: %v", err)
	}

	// What is locked stays, and nobody is asked; all are in the store.
	asked := func() int { return len(main.Asked()) + len(one.Asked()) + len(two.Asked()) }
	before := asked()
	if res := b.lock("packed", false); res.Changed || len(res.Notes) > 0 || asked() != before {
		t.Errorf("again: changed: %v, notes %q, %d requests more", res.Changed, res.Notes, asked()-before)
	}
	for source, l := range res.Lock.Sources {
		if _, err := b.Store.Source(l.Tree); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}

	// What moved is locked anew when that is asked for: commits are told of main.
	second := main.Commit("main", "second", packaging("packed"))
	oneMoved := one.Commit("main", "one again", map[string]string{"a": "3\n"})
	one.Git("tag", "-f", "v1", oneMoved)
	two.Commit("main", "two more", map[string]string{"b": "2\n"})
	if res := b.lock("packed", false); res.Changed {
		t.Errorf("unasked: notes %q", res.Notes)
	}
	res = b.lock("packed", true)
	notes = []string{"main: main is commit " + second, "mods/one: v1 is commit " + oneMoved}
	if !slices.Equal(res.Notes, notes) || !res.Changed || res.Lock.Sources["main"].Count != 2 || res.Lock.Sources["mods/one"].Count != 0 ||
		!slices.Equal(res.Commits, []git.LogEntry{{ID: second, Subject: "second", Epoch: testenv.FirstCommit + 10}}) {
		t.Errorf("notes %q, commits %+v, lock\n%s", res.Notes, res.Commits, res.Lock.Text())
	}

	// A part of another ref does not fit; only it is asked for.
	b.put("packed", map[string]string{"recipe.yaml": strings.Replace(yaml, "ref: v1", "ref: main", 1)})
	stale := "recipe packed: source mods/one: recipe.lock does not fit: it says ref v1, the recipe main"
	if err := b.Stale(t.Context(), "packed"); err == nil || err.Error() != stale {
		t.Errorf("stale: %v", err)
	}
	mains := len(main.Asked())
	res = b.lock("packed", false)
	if l := res.Lock.Sources["mods/one"]; l.Kind != recipe.RefBranch || l.Commit != oneMoved || len(res.Notes) > 0 || !res.Changed || len(main.Asked()) != mains {
		t.Errorf("%+v, notes %q", l, res.Notes)
	}
	// A part that is gone from the recipe goes from the lock.
	b.put("packed", map[string]string{"recipe.yaml": strings.Replace(yaml, "      one: {git: \""+one.URL+"\", ref: v1}\n", "", 1)})
	if res := b.lock("packed", false); !res.Changed || len(res.Lock.Sources) != 2 {
		t.Errorf("%s", res.Lock.Text())
	}
}

// TestLockRewritten: of a branch that was rewritten the notes say so.
func TestLockRewritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main, part := newRepository(t), newRepository(t)
	base := main.Commit("main", "base", packaging("packed"))
	first := main.Commit("main", "first", packaging("packed"))
	pinned := part.Commit("main", "part", map[string]string{"a": "1\n"})
	b.put("packed", map[string]string{"recipe.yaml": replaced(packed, "MAIN", main.URL, "REF-ONE", pinned, "ONE", part.URL, "REF-TWO", pinned, "TWO", part.URL)})
	b.lock("packed", false)
	main.Git("update-ref", "refs/heads/main", base)
	other := main.Commit("main", "other", packaging("packed"))
	res := b.lock("packed", true)
	want := []string{"main: main is commit " + other, "main: commit " + first[:7] + " is not in the history of " + other[:7] + ": was it rewritten?"}
	if !slices.Equal(res.Notes, want) || res.Commits != nil || res.Lock.Sources["main"].Count != 2 {
		t.Errorf("notes %q, commits %v", res.Notes, res.Commits)
	}
}

// TestLockShallow: a main source whose history is cut off can't be counted; of a part
// that makes no difference.
func TestLockShallow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main, one := newRepository(t), newRepository(t)
	main.Commit("main", "first", packaging("packed"))
	second := main.Commit("main", "second", packaging("packed"))
	one.Commit("main", "one", map[string]string{"a": "1\n"})
	pinned := one.Commit("main", "one more", map[string]string{"a": "2\n"})
	b.put("packed", map[string]string{"recipe.yaml": replaced(packed, "MAIN", main.URL, "REF-ONE", "main", "ONE", one.URL, "REF-TWO", pinned, "TWO", one.URL)})
	source := func(name string) recipe.SourceName { return recipe.SourceName{Recipe: "packed", Source: name} }

	shallow := main.shallow(t)
	b.Repositories = map[recipe.SourceName]lock.Repository{source("main"): {Local: shallow, Ref: "main"}}
	_, err := b.Lock(t.Context(), "packed", false)
	var wrong *realize.SourceError
	want := "packed: fetch " + shallow + ": its history is cut off (a shallow clone?)"
	if err == nil || err.Error() != want || !errors.As(err, &wrong) || wrong.Source != source("main") || wrong.Ref != "main" {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if len(main.Asked()) > 0 {
		t.Errorf("asked %q", main.Asked())
	}

	cut := one.shallow(t)
	b.Repositories = map[recipe.SourceName]lock.Repository{source("mods/one"): {Local: cut, Ref: "main"}}
	res := b.lock("packed", false)
	if l := res.Lock.Sources["mods/one"]; l.Commit != pinned || l.Count != 0 || l.Kind != recipe.RefBranch {
		t.Errorf("%+v", l)
	}
	if l := res.Lock.Sources["main"]; l.Commit != second || l.Count != 2 {
		t.Errorf("%+v", l)
	}

	// Another ref than the recipe's is none to lock it by, and neither is a part's name.
	b.Repositories = map[recipe.SourceName]lock.Repository{source("mods/two"): {Local: cut, Ref: "main"}}
	want = "packed: --source: ref main: the recipe says " + pinned
	if _, err := b.Lock(t.Context(), "packed", false); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
