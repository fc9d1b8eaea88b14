package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

func TestRepeat(t *testing.T) {
	for _, c := range []struct{ typed, words, want string }{
		{"realize hello", "log hello", "pbuild log hello"},
		{"realize hello --jobs 2 -q --offline --mirror http://x", "log hello", "pbuild log hello"},
		{
			"--store=s realize hello --set a.set.yaml --recipes ../r --source hello/part=b@1 --set c --config d/e", "shell hello --failed",
			"pbuild shell hello --failed --store s --set a.set.yaml --recipes ../r --source hello/part='b@1' --set c --config d/e",
		},
		{"realize hello --set a --store s", "store gc", "pbuild store gc --store s"},
		{"realize hello --set a --source hello=b", "lock hello", "pbuild lock hello"},
		{"realize hello --source hello=it's", "log hello", `pbuild log hello --source hello='it'\''s'`},
		{"realize hello --set=--odd=name;", "log hello", "pbuild log hello --set=--odd='name;'"},
	} {
		line, err := arrange(newApp(&console{}), strings.Split(c.typed, " "))
		if err != nil {
			t.Fatalf("%s: %v", c.typed, err)
		}
		if got := line.repeat().line(strings.Split(c.words, " ")...); got != c.want {
			t.Errorf("%s: %s, want %s", c.typed, got, c.want)
		}
	}
}

// A line is repeated with what its verb takes.
func TestRepeatVerbs(t *testing.T) {
	for words, v := range leaves(newApp(&console{}).Commands, "") {
		if takes, want := findFlag(v.Flags, "--set") != nil, slices.Contains(givenVerbs, words); takes != want {
			t.Errorf("%s: has --set: %v, givenVerbs has it: %v", words, takes, want)
		}
		for _, name := range placeFlags {
			if findFlag(v.Flags, dashed(name)) == nil {
				t.Errorf("%s: lacks --%s", words, name)
			}
		}
	}
}

func TestRepeatHints(t *testing.T) {
	again := repeated{"--store=s", "--set=a", "--source=web=dir"}
	noCommit := &realize.SourceError{Source: recipe.SourceName{Recipe: "web", Source: recipe.Main}, Sets: []string{"b c"}}
	for _, c := range []struct {
		got  []string
		want string
	}{
		{hints(&store.SpaceError{Path: "/s"}, again), "pbuild store gc --store s|what was used lately too:  pbuild store gc --keep-within 0 --store s|another disk?  --store DIR"},
		{
			limitHints(&realize.BuildError{Err: &sandbox.LimitError{Limit: sandbox.FreeLimit}}, again),
			"pbuild store gc --store s|what was used lately too:  pbuild store gc --keep-within 0 --store s|another disk?  --store DIR",
		},
		{
			leftHints(&leftError{"/s", []store.Repaired{{Problem: store.Problem{Path: "roots/debian-12-base_packages"}, Outcome: store.Lost, Image: "debian-12-base_packages"}}}, again),
			"debian-12-base_packages: of a recipe or a builder?  realize it, or  pbuild builder build debian-12-base --store s   or let the name go:  rm -r /s/roots/debian-12-base_packages",
		},
		{
			hints(&unbuiltError{"web", []string{"lib"}}, again),
			"pbuild realize web --store s --set a --source web=dir|without building:  pbuild key web --plan --store s --set a --source web=dir",
		},
		{
			sourceHints(noCommit, again),
			"have a clone?  pbuild realize web --source web=DIR --store s --set a|just looking?  pbuild realize web --set 'b c' --store s --set a   (same layout, our own text)",
		},
		{
			nodeHints("realize", event.Event{Node: web, Err: &realize.OutputsError{}}, again),
			"pbuild log fuel-web --format rpm --store s --set a --source web=dir|pbuild shell fuel-web --format rpm --failed --store s --set a --source web=dir|" +
				"pbuild realize fuel-web --keep-failed --store s --set a --source web=dir",
		},
	} {
		if got := strings.Join(c.got, "|"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What is shown of a failure, and what the report says of it.
func TestRepeatFailure(t *testing.T) {
	var out bytes.Buffer
	again := repeated{"--set=recipes/stand-ins.set.yaml"}
	con := &console{err: stream{w: &out}, now: time.Now, quiet: true, again: again}
	r, j := con.progress("realize"), newJUnit(begin, again)
	for _, e := range story() {
		r.event(e)
		j.event(e)
	}
	r.stop()
	const set = " --set recipes/stand-ins.set.yaml"
	want := "pbuild: [3/3] fuel-web rpm: FAILED 38.2s\n" +
		strings.NewReplacer("rpm -----", "rpm"+set+" -----", "-failed\n", "-failed"+set+"\n").Replace(failedWeb)
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	report, err := j.report(begin)
	if want := "\nwhole log: pbuild log fuel-web --format rpm" + set + "\n"; err != nil || !strings.Contains(string(report), want) {
		t.Errorf("%v: the report lacks %q:\n%s", err, want, report)
	}
	one := standingOf(realize.Status{
		Name: "x", Formats: []realize.FormatStatus{{State: realize.StateFailed, Format: recipe.FormatDeb}},
	}, again)
	if want := "pbuild log x --format deb" + set; one.Reason != want {
		t.Errorf("status: %q, want %q", one.Reason, want)
	}
}
