package store

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

const day = 24 * time.Hour

// setUse sets the last use of a journal's or a root's file.
func setUse(s *Store, name string, at time.Time) { must(0, os.Chtimes(s.path(name), at, at)) }

// removedNames are the recipes' versions and the roots that a plan takes.
func removedNames(p Plan) (names []string) {
	for _, i := range p.Items {
		if i.Kind == kindRealization {
			names = append(names, i.What)
		}
		if i.Kind == kindRoot {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return names
}

// lived is a store with realizations of one recipe, of which the last one has the
// root: number i was used i days before the latest use, all but the root's and number
// 0 share a blob of 1,000 bytes, and number 3 was built with an image of its own,
// from a source.
func lived(t *testing.T, now time.Time) (s *Store, all []Realization, source digest.Digest, im image) {
	t.Helper()
	s = newStore(t)
	s.now = func() time.Time { return now }
	shared := must(s.PutBytes(make([]byte, 1000)))
	im = putImage(t, s, "a")
	must(0, s.SetRootWhileNeeded("extension_a", im.desc))
	source = digest.Of([]byte("a tree"))
	tree := must(s.PutBytes([]byte("packed tree")))
	must(0, s.PutSource(source, tree))
	for i := range 6 {
		r := must(put(s, "hello", fmt.Sprint(i)))
		r.Version = fmt.Sprint(i)
		if i > 0 {
			r.Inputs = []digest.Digest{shared}
		}
		if i == 3 {
			r.Builder, r.Inputs = im.config, append(r.Inputs, tree)
		}
		all = append(all, *must(s.Record(r, "hello-deb")))
		setUse(s, journalPath(r.Key), now.Add(-time.Duration(i)*day))
	}
	long := now.Add(-100 * day)
	setUse(s, "roots/extension_a", long)
	setUse(s, "roots/source-"+source.Hex(), long)
	must(0, s.Close())
	return s, all, source, im
}

// TestGCKeepsUsedLately: what was used within the time stays with all it needs; the
// plan is the same without a database and after a rebuild.
func TestGCKeepsUsedLately(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s, all, source, im := lived(t, now)
	want := []string{"hello-deb 4"}
	plan := must(s.GC(t.Context(), Policy{KeepWithin: 3 * day}, true))
	if diff := cmp.Diff(want, removedNames(plan)); diff != "" {
		t.Error(diff)
	}
	for _, i := range plan.Items {
		if i.Kind == kindRealization && !i.Used.Equal(now.Add(-4*day)) {
			t.Errorf("last use %s", i.Used)
		}
	}
	must(0, s.Rebuild(t.Context()))
	if diff := cmp.Diff(plan, must(s.GC(t.Context(), Policy{KeepWithin: 3 * day}, true))); diff != "" {
		t.Errorf("after a rebuild: %s", diff)
	}
	must(0, os.RemoveAll(s.path(dbDir)))
	if diff := cmp.Diff(plan, collectBy(t, s, Policy{KeepWithin: 3 * day})); diff != "" {
		t.Errorf("without a database: %s", diff)
	}
	must(s.Tree(im.diff))
	must(s.Source(source)) // a use
	must(0, s.Close())
	wantClean(t, s)

	// The image and its name go with what was built with it; the source was used.
	want = []string{"extension_a", "hello-deb 2", "hello-deb 3"}
	if diff := cmp.Diff(want, removedNames(collectBy(t, s, Policy{KeepWithin: day}))); diff != "" {
		t.Error(diff)
	}
	for i, r := range all {
		if _, err := s.Lookup(r.Key); (err == nil) != (i < 2 || i == 5) {
			t.Errorf("%d: %v", i, err)
		}
	}
	must(s.Source(source))
	must(0, s.Close())
	wantClean(t, s)
	want = []string{"hello-deb 0", "hello-deb 1", "source-" + source.Hex()}
	if diff := cmp.Diff(want, removedNames(collectAll(t, s))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

// TestGCQuota: above the quota the least lately used go, one after the other, until
// the rest fits; what several share goes with the last of them.
func TestGCQuota(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s, all, source, _ := lived(t, now)
	setUse(s, journalPath(all[1].Key), now.Add(-2*day)) // as number 2: then the key decides
	order := []string{"source-" + source.Hex(), "extension_a", "hello-deb 4", "hello-deb 3", "hello-deb 2", "hello-deb 1", "hello-deb 0"}
	if strings.Compare(all[1].Key.Hex(), all[2].Key.Hex()) < 0 {
		order[4], order[5] = order[5], order[4]
	}
	p := Policy{KeepWithin: 1000 * day}
	whole := must(s.GC(t.Context(), p, true))
	if len(whole.Items) > 0 {
		t.Fatalf("without a quota: %v", items(whole))
	}
	roots := must(s.GC(t.Context(), Policy{}, true)).Kept
	seen, last := map[string]bool{}, int64(0)
	for quota := whole.Kept; quota > 0; quota -= 50 {
		p.Quota = quota
		plan := must(s.GC(t.Context(), p, true))
		if plan.Kept > max(quota, roots) || plan.Bytes+plan.Kept != whole.Kept {
			t.Errorf("quota %d: %d stay, %d go, of %d", quota, plan.Kept, plan.Bytes, whole.Kept)
		}
		got := removedNames(plan)
		seen[strings.Join(got, ", ")] = true
		if n := int64(len(got)); n < last {
			t.Errorf("quota %d: fewer go than above a larger one: %q", quota, got)
		} else {
			last = n
		}
		// Names of what a realization needs go with it, in whatever order they come.
		for i, name := range got {
			if !slices.Contains(order, name) {
				t.Errorf("quota %d: %q", quota, got[i])
			}
		}
		if n := len(got); n > 0 {
			realizations := slices.DeleteFunc(slices.Clone(got), func(name string) bool { return !strings.HasPrefix(name, "hello") })
			want := slices.Clone(order[2 : 2+len(realizations)])
			slices.Sort(want)
			if diff := cmp.Diff(want, realizations); diff != "" {
				t.Errorf("quota %d: %s", quota, diff)
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("%d plans: %v", len(seen), seen)
	}
	// The shared blob, more than half of all, went with the last that need it: the
	// root needs it too.
	p.Quota = 1
	plan := collectBy(t, s, p)
	if plan.Kept != roots || slices.ContainsFunc(plan.Items, func(i Item) bool { return i.Size == 1000 }) {
		t.Errorf("%d stay, want %d: %v", plan.Kept, roots, items(plan))
	}
	must(s.Lookup(all[5].Key))
	wantClean(t, s)
}

// TestGCQuotaSparesSessions: what a running process has found stays whatever the
// quota, also a realization that no root names.
func TestGCQuotaSparesSessions(t *testing.T) {
	s, all, _, im := lived(t, time.Now())
	build := openStore(t, s.Dir())
	must(0, build.BeginSession())
	must(build.Lookup(all[3].Key))
	tiny := Policy{KeepWithin: 30 * day, Quota: 1}
	must(s.GC(t.Context(), tiny, false))
	for i, r := range all {
		if _, err := s.Lookup(r.Key); (err == nil) != (i == 3 || i == 5) {
			t.Errorf("%d: %v", i, err)
		}
	}
	must(s.Tree(im.diff))
	must(0, build.Close())
	if diff := cmp.Diff([]string{"extension_a", "hello-deb 3"}, removedNames(collectBy(t, s, tiny))[:2]); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

// TestGCClock: a clock that is wrong by a year loses nothing that was used lately,
// neither at once nor when it is right again, whether little was used meanwhile or all,
// or something was made.
func TestGCClock(t *testing.T) {
	const year = 365 * day
	now := time.Now().Truncate(time.Second)
	p := Policy{KeepWithin: 30 * day}
	for name, wrong := range map[string]time.Duration{"ahead": year, "back": -year} {
		t.Run(name, func(t *testing.T) {
			s, all, _, _ := lived(t, now)
			nothing := func(when string) {
				t.Helper()
				must(0, s.Close())
				if got := removedNames(must(s.GC(t.Context(), p, false))); len(got) > 0 {
					t.Errorf("%s: %q", when, got)
				}
				for _, r := range all {
					if _, err := os.Stat(s.path(journalPath(r.Key))); err != nil {
						t.Errorf("%s: %v", when, err)
					}
				}
			}
			s.now = func() time.Time { return now.Add(wrong) }
			nothing("while it is wrong")
			must(s.Lookup(all[0].Key))
			nothing("one used while it was wrong")
			made := must(put(s, "hello", "made"))
			made = *must(s.Record(made, ""))
			setUse(s, journalPath(made.Key), s.now()) // as the kernel would
			nothing("one made while it was wrong")
			s.now = func() time.Time { return now }
			nothing("one was made while it was wrong")
			s.now = func() time.Time { return now.Add(wrong) }
			// Keys, locks and lookups ask no clock.
			for _, r := range all {
				if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
					t.Error(diff)
				}
			}
			unlock, err := s.LockKey(t.Context(), all[0].Key)
			if err != nil {
				t.Fatal(err)
			}
			unlock()
			nothing("used while it was wrong")
			s.now = func() time.Time { return now }
			nothing("right again")
			for _, r := range all {
				must(s.Lookup(r.Key))
			}
			s.now = func() time.Time { return now.Add(year) }
			nothing("a year later")
			must(s.Lookup(all[0].Key))
			nothing("one used a year later")
			if wrong > 0 {
				return // that was now
			}
			want := []string{"hello-deb 1", "hello-deb 2"}
			if got := removedNames(must(s.GC(t.Context(), Policy{KeepWithin: longestPause - day}, true))); !slices.Contains(got, want[0]) || !slices.Contains(got, want[1]) {
				t.Errorf("within less than the pause: %q", got)
			}
			wantClean(t, s)
		})
	}
}
