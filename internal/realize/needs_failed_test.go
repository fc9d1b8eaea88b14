package realize_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// needing makes a little rpm that needs others.
func needing(needs string) madeRPM {
	m := madeRPM{source0: "-"}
	if needs != "" {
		m.more = "needs: [" + needs + "]\n"
	}
	return m
}

// TestNeedFails: what needs a recipe that fails fails with it, and nothing of it is
// begun; others go on.
func TestNeedFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bad := needing("")
	bad.scripts = "%install\nexit 3\n"
	b.writeRPM("nf-base", bad)
	b.writeRPM("nf-mid", needing("nf-good, nf-base"))
	b.writeRPM("nf-top", needing("nf-mid"))
	b.writeRPM("nf-good", needing(""))
	b.writeRPM("nf-other", needing("nf-good"))
	results, err := b.try("nf-top rpm", "nf-other rpm")
	want := []string{"nf-base: rpm: %install exited 1: rpmbuild ", "nf-mid: rpm: needs nf-base: it was not realized", "nf-top: rpm: needs nf-mid: it was not realized"}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], want[0]) || !slices.Equal(lines[1:], want[1:]) {
		t.Errorf("got %v", err)
	}
	for name, state := range map[string]event.State{"nf-base": event.Failed, "nf-mid": event.Failed, "nf-top": event.Failed, "nf-good": event.Built, "nf-other": event.Built} {
		r := b.of(results, name+" rpm")
		if r.State != state || (r.Realization == nil) != (state == event.Failed) {
			t.Errorf("%s: %s, %+v", name, r.State, r.Realization)
		}
	}
	for name, other := range map[string]string{"nf-mid": "nf-base", "nf-top": "nf-mid"} {
		r := b.of(results, name+" rpm")
		var need *realize.NeedError
		if !errors.As(r.Err, &need) || !errors.Is(r.Err, realize.ErrNeedFailed) || *need != (realize.NeedError{Recipe: name, Format: recipe.FormatRPM, Need: other, Err: realize.ErrNeedFailed}) {
			t.Errorf("%s: %#v", name, r.Err)
		}
		if errors.As(r.Err, new(*realize.BuildError)) || !r.Key.IsZero() {
			t.Errorf("%s: key %s, %#v", name, r.Key, r.Err)
		}
		b.mu.Lock()
		states := []event.State{}
		for _, e := range b.events {
			if e.Node.Name == name {
				states = append(states, e.State)
			}
		}
		b.mu.Unlock()
		if !slices.Equal(states, []event.State{event.Queued, event.Failed}) {
			t.Errorf("%s came through %q", name, states)
		}
		if b.recorded(name+" rpm") > 0 {
			t.Errorf("%s is recorded", name)
		}
	}
	if _, err := b.store.FailedLog(digest.Key{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a log of no key: %v", err)
	}
	// Once it is repaired all are built, and what was built before is there.
	b.writeRPM("nf-base", needing(""))
	results, err = b.try("nf-top rpm", "nf-other rpm")
	if err != nil || b.of(results, "nf-top rpm").State != event.Built || b.of(results, "nf-good rpm").State != event.Cached || b.of(results, "nf-other rpm").State != event.Cached {
		t.Errorf("%v\n%s", err, b.log())
	}
}

// TestNeedFailsFast: where the first failure ends all, what needs it fails with it, and
// what needs one that nobody tried was not tried either.
func TestNeedFailsFast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.FailFast = true
	bad := needing("")
	bad.scripts = "%install\nexit 3\n"
	b.writeRPM("ff-bad", bad)
	b.writeRPM("ff-base", needing(""))
	b.writeRPM("ff-top", needing("ff-base"))
	b.writeRPM("ff-with", needing("ff-bad"))
	results, _ := b.try("ff-bad rpm", "ff-top rpm", "ff-with rpm")
	for name, want := range map[string]error{"ff-base": context.Canceled, "ff-top": context.Canceled, "ff-with": realize.ErrNeedFailed} {
		if r := b.of(results, name+" rpm"); r.State != event.Failed || !errors.Is(r.Err, want) || errors.Is(r.Err, context.Canceled) != (want == context.Canceled) {
			t.Errorf("%s: %s, %v", name, r.State, r.Err)
		}
	}
}

// TestNeedsWrong: what is wrong with recipes that need others, each said once by Plan.
func TestNeedsWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("nw-a", needing("nw-b"))
	b.writeRPM("nw-b", needing("nw-c"))
	b.writeRPM("nw-c", needing("nw-a"))
	b.writeRPM("nw-in", needing("nw-b"))
	bad := needing("")
	bad.preamble = "BuildRequires: made-up\n"
	b.writeRPM("nw-bad", bad)
	b.writeRPM("nw-one", needing("nw-bad"))
	b.writeRPM("nw-two", needing("nw-one"))
	b.writeRPM("nw-none", needing("nw-nobody"))
	b.writeRPM("nw-deb", needing("nw-onlydeb"))
	b.write("nw-onlydeb", made{})
	const unlocked = `recipe nw-bad: rpm: recipe.lock does not fit: build dependency "made-up" is not in it`
	for _, tc := range []struct {
		names, want string
		cycle       []string
	}{
		{"nw-a", "recipes/nw-c/recipe.yaml:10:11: rpm.needs: a cycle: nw-a → nw-b → nw-c → nw-a", []string{"nw-a", "nw-b", "nw-c", "nw-a"}},
		{"nw-in", "recipes/nw-a/recipe.yaml:10:11: rpm.needs: a cycle: nw-b → nw-c → nw-a → nw-b", []string{"nw-b", "nw-c", "nw-a", "nw-b"}},
		{"nw-a, nw-in, nw-c", "recipes/nw-c/recipe.yaml:10:11: rpm.needs: a cycle: nw-a → nw-b → nw-c → nw-a", []string{"nw-a", "nw-b", "nw-c", "nw-a"}},
		{"nw-bad", unlocked, nil},
		{"nw-two, nw-bad, nw-one", unlocked, nil},
		{"nw-two, nw-b", unlocked + "\nrecipes/nw-a/recipe.yaml:10:11: rpm.needs: a cycle: nw-b → nw-c → nw-a → nw-b", []string{"nw-b", "nw-c", "nw-a", "nw-b"}},
		{"nw-none", `recipes/nw-none/recipe.yaml:10:11: rpm.needs: recipe "nw-nobody": unknown`, nil},
		{"nw-deb", `recipes/nw-deb/recipe.yaml:10:11: rpm.needs: nw-onlydeb: makes no rpm packages`, nil},
	} {
		p, err := b.plan(strings.Split(strings.ReplaceAll(tc.names, ",", " rpm,")+" rpm", ", ")...)
		if err == nil || err.Error() != tc.want || p != nil {
			t.Errorf("%s: got %v\nwant %s", tc.names, err, tc.want)
		}
		var cycle *realize.CycleError
		if errors.As(err, &cycle) != (tc.cycle != nil) || cycle != nil && !slices.Equal(cycle.Recipes, tc.cycle) {
			t.Errorf("%s: %#v", tc.names, err)
		}
	}
	// One alone says what it is needed for.
	_, err := b.Node(t.Context(), target("nw-two rpm"))
	if want := "nw-two: rpm: needs nw-one: nw-one: rpm: needs nw-bad: " + unlocked; err == nil || err.Error() != want || !errors.Is(err, recipe.ErrLock) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// handedOut is an Out that keeps in mind what it got.
type handedOut struct {
	mu  sync.Mutex
	got []string
}

func (n *handedOut) Put(name string, _ digest.Digest, _ int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, name)
	return nil
}

func (*handedOut) Close() error { return nil }

// TestNeedsOut: who asks for a recipe gets its packages and not those that it needs.
func TestNeedsOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("no-base", needing(""))
	b.writeRPM("no-top", needing("no-base"))
	const base, top = "no-base-1-1.noarch.rpm", "no-top-1-1.noarch.rpm"
	for i, tc := range []struct{ names, want []string }{
		{[]string{"no-top rpm"}, []string{top}},
		{[]string{"no-top rpm"}, []string{top}},
		{[]string{"no-base rpm", "no-top rpm"}, []string{base, top}},
		{[]string{"no-top rpm", "no-base rpm"}, []string{base, top}},
	} {
		out := &handedOut{}
		b.Out = out
		if _, err := b.try(tc.names...); err != nil {
			t.Fatalf("%v\n%s", err, b.log())
		}
		if !slices.Equal(out.got, tc.want) {
			t.Errorf("%d: %q: got %q", i, tc.names, out.got)
		}
	}
}
