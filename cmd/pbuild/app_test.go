package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/outdir"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// leaves returns each verb that runs with the words that name it.
func leaves(verbs []*cli.Command, before string) map[string]*cli.Command {
	all := map[string]*cli.Command{}
	for _, v := range verbs {
		words := strings.TrimSpace(before + " " + v.Name)
		for name, leaf := range leaves(v.Subcommands, words) {
			all[name] = leaf
		}
		if len(v.Subcommands) == 0 {
			all[words] = v
		}
	}
	return all
}

// Each verb explains itself, shows lines to type that the program takes, and
// has the flags of all.
func TestVerbs(t *testing.T) {
	app := newApp(&console{})
	for words, v := range leaves(app.Commands, "") {
		if v.Usage == "" || strings.HasSuffix(v.Usage, ".") || strings.ToLower(v.Usage[:1]) != v.Usage[:1] {
			t.Errorf("%s: usage %q", words, v.Usage)
		}
		if !strings.Contains(v.Description, "\n  pbuild "+words) && !strings.Contains(v.Description, "$(pbuild "+words) {
			t.Errorf("%s: no example of itself in:\n%s", words, v.Description)
		}
		for _, example := range strings.Split(v.Description, "\n") {
			line, ok := strings.CutPrefix(example, "  pbuild ")
			if !ok {
				continue
			}
			line, _, _ = strings.Cut(line, "|")
			c, err := arrange(app, strings.Fields(line))
			if err == nil {
				err = c.complete()
			}
			if err != nil {
				t.Errorf("%s: example %q: %v", words, example, err)
			}
		}
		for _, f := range everywhere() {
			if findFlag(v.Flags, dashed(f.Names()[0])) == nil {
				t.Errorf("%s: lacks flag %v", words, f.Names())
			}
		}
		if names := flagNamesOf(v); len(names) != len(slices.Compact(names)) {
			t.Errorf("%s: a flag twice: %v", words, names)
		}
		if v.Action == nil || v.OnUsageError == nil || !v.HideHelp {
			t.Errorf("%s: not wired as the others", words)
		}
	}
}

func flagNamesOf(v *cli.Command) (names []string) {
	for _, f := range v.Flags {
		names = append(names, f.Names()...)
	}
	slices.Sort(names)
	return names
}

func TestExitCode(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		err         error
		interrupted bool
		want        int
	}{
		{nil, false, 0},
		{broken, false, 1},
		{fmt.Errorf("x: %w", &usageError{msg: "y"}), false, 2},
		{&exitError{code: exitBuildFailed}, false, 3},
		{fmt.Errorf("x: %w", &exitError{exitUnverified, broken}), false, 5},
		{fmt.Errorf("x: %w", context.Canceled), true, 130},
		{fmt.Errorf("x: %w", context.Canceled), false, 1},
		{broken, true, 1}, // it would have failed without the signal, too
	} {
		if got := exitCode(c.err, c.interrupted); got != c.want {
			t.Errorf("%v, interrupted %v: %d, want %d", c.err, c.interrupted, got, c.want)
		}
	}
}

func TestFailureCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{errors.New("no route"), exitFailed},
		{errors.Join(context.Canceled, fmt.Errorf("x: %w", &realize.BuildError{Err: errors.New("y")})), exitBuildFailed},
		{fmt.Errorf("x: %w", &realize.OutputsError{}), exitBuildFailed},
		{fmt.Errorf("x: %w", &realize.RequireError{}), exitBuildFailed},
	} {
		if got := failureCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{errors.New("anything"), nil},
		{fmt.Errorf("x: %w", &usageError{msg: "m", hint: "pbuild help"}), []string{"pbuild help"}},
		{fmt.Errorf("x: %w", &store.SpaceError{Path: "/s"}), []string{"pbuild store gc", "what was used lately too:  pbuild store gc --keep-within 0", "another disk?  --store DIR"}},
		{fmt.Errorf("x: %w", &outdir.SpaceError{Path: "result/x.deb"}), []string{"another disk?  --out DIR"}},
		{&notBuiltError{Name: "x"}, []string{"pbuild store ls"}},
	} {
		if got := hints(c.err, nil); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// TestImageLimitHint: of an image, which has no recipe, the collection or the user allows more.
func TestImageLimitHint(t *testing.T) {
	err := fmt.Errorf("image: %w", &builder.ConfigureError{Err: &sandbox.LimitError{Argv: []string{"dpkg"}, Limit: sandbox.ProcessesLimit, Max: 100}})
	want := []string{"does it need more?  in pbuild.yaml, or where you allow less in ~/.config/pbuild/config.yaml:  limits: {processes: 200}"}
	if got := nodeHints("realize", event.Event{Err: err}, nil); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
