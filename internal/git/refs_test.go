package git

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	third := r.commit("stable/8.0", "third", content{"x": "y"})
	r.commit("x/main", "deeper", content{"x": "z"})
	r.git("update-ref", "refs/changes/12/34/1", first)
	r.git("tag", "light", first)
	r.git("tag", "both", first)
	r.git("branch", "both", second)
	r.git("tag", "same", first)
	r.git("branch", "same", first)
	for _, to := range []string{first, "v1"} {
		plainGit(t, r.dir, "", "-c", "user.name=A", "-c", "user.email=a@example.org", "tag", "-a", "-f", "-m", "x", "v1", to)
	}
	for _, v0 := range []bool{false, true} {
		s := serve(t, r)
		s.v0 = v0
		c := newClient(t)
		for ref, want := range map[string]string{
			"main": second, "stable/8.0": third, "HEAD": second, "light": first, "v1": first, "same": first,
			"refs/heads/main": second, "refs/tags/v1": first, "refs/changes/12/34/1": first,
			"refs/heads/both": second, "refs/tags/both": first, first: first, third: third,
		} {
			if got, _, err := c.Resolve(t.Context(), remote(s.url), ref); got != want || err != nil {
				t.Errorf("%s: %s %v", ref, got, err)
			}
		}
		for ref, want := range map[string]string{
			"none": "ref none not found", "refs/heads/none": "ref refs/heads/none not found", "12/34/1": "ref 12/34/1 not found",
			first[:12]:               "ref " + first[:12] + " not found",
			strings.Repeat("a", 40):  "commit aaaaaaa not found",
			r.git("rev-parse", "v1"): r.git("rev-parse", "v1")[:7] + " is a tag, not a commit",
			"both":                   "ref both: both a branch (" + second[:7] + ") and a tag (" + first[:7] + "): write refs/heads/both or refs/tags/both",
		} {
			got, _, err := c.Resolve(t.Context(), remote(s.url), ref)
			wantError(t, err, "fetch "+s.url+": "+want)
			if got != "" {
				t.Error(got)
			}
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var ids []string
	for _, s := range []string{"one", "two\n\nbody", "three \x1b[31m \xff", "four"} {
		ids = append(ids, r.commit("main", s, content{"a": s}))
	}
	side := r.commit("side", "side", content{"b": "b"})
	merge := plainGit(t, r.dir, "", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit-tree", "-p", ids[3], "-p", side, "-m", "merge", ids[3]+"^{tree}")
	r.git("update-ref", "refs/heads/main", merge)
	for _, tc := range []struct {
		v0            bool
		allow, filter string
	}{{false, "false", "false"}, {false, "false", "true"}, {true, "true", "true"}, {true, "false", "true"}, {true, "false", "false"}} {
		s := serve(t, r)
		s.v0 = tc.v0
		r.git("config", "uploadpack.allowFilter", tc.filter)
		r.git("config", "uploadpack.allowAnySHA1InWant", tc.allow)
		c := newClient(t)
		for id, want := range map[string]int{ids[0]: 1, ids[2]: 3, side: 1, merge: 5} {
			if n, err := c.Count(t.Context(), remote(s.url), id); n != want || err != nil {
				t.Errorf("%+v %s: %d %v, want %d", tc, id, n, err, want)
			}
		}
		got, err := c.Between(t.Context(), remote(s.url), ids[0], ids[2])
		want := []LogEntry{{ids[2], "three ?[31m ?", when + 20}, {ids[1], "two", when + 10}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: %+v %v", tc, got, err)
		}
		if got, err := c.Between(t.Context(), remote(s.url), ids[1], ids[1]); len(got) != 0 || err != nil {
			t.Error(got, err)
		}
		var apart *NotAncestorError
		for _, from := range []string{ids[3], side, strings.Repeat("a", 40)} {
			_, err = c.Between(t.Context(), remote(s.url), from, ids[2])
			wantError(t, err, "fetch "+s.url+": commit "+from[:7]+" is not in the history of "+ids[2][:7])
			if !errors.As(err, &apart) {
				t.Errorf("%#v", err)
			}
		}
		_, err = c.Count(t.Context(), remote(s.url), strings.Repeat("a", 40))
		wantError(t, err, "fetch "+s.url+": commit aaaaaaa not found")
	}
	// Where a server refuses filters by an error, all comes.
	r.git("config", "uploadpack.allowFilter", "true")
	r.git("config", "uploadpackfilter.allow", "false")
	s, c := serve(t, r), newClient(t)
	if n, err := c.Count(t.Context(), remote(s.url), merge); n != 5 || err != nil {
		t.Error(n, err)
	}
	if got, _, err := c.Resolve(t.Context(), remote(s.url), ids[1]); got != ids[1] || err != nil {
		t.Error(got, err)
	}
}
