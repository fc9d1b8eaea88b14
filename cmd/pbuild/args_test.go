package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// toy is a command line with a verb that has flags, and a group.
func toy() *cli.App {
	app := &cli.App{
		Flags: everywhere(),
		Commands: []*cli.Command{
			{Name: "realize", Flags: []cli.Flag{
				&cli.StringFlag{Name: "format"},
				&cli.StringSliceFlag{Name: "source"},
				&cli.BoolFlag{Name: "keep-failed"},
			}},
			{Name: "store", Subcommands: []*cli.Command{
				{Name: "ls"},
				{Name: "gc", Flags: []cli.Flag{&cli.BoolFlag{Name: "dry-run"}}},
			}},
			{Name: "version"},
		},
	}
	adopt(&console{}, app.Commands)
	return app
}

// TestNoValue: a flag that takes a value takes no empty one, however it is given.
func TestNoValue(t *testing.T) {
	app := newApp(&console{})
	for words, v := range leaves(app.Commands, "") {
		for _, f := range v.Flags {
			if !takesValue(f) {
				continue
			}
			name := dashed(f.Names()[0])
			for _, given := range [][]string{{name + "="}, {name, ""}} {
				_, err := arrange(app, append(strings.Fields(words), given...))
				var usage *usageError
				if !errors.As(err, &usage) || usage.msg != words+": flag "+name+" needs a value" || usage.hint != name+"=VALUE" {
					t.Errorf("%s %q: %v", words, given, err)
				}
			}
		}
	}
}

func TestArrange(t *testing.T) {
	for in, want := range map[string]string{
		"realize hello":                              "pbuild realize -- hello",
		"realize hello --format deb tree":            "pbuild realize --format=deb -- hello tree",
		"realize --format=deb hello":                 "pbuild realize --format=deb -- hello",
		"--store /s -q realize hello -v":             "pbuild realize --store=/s --quiet --verbose -- hello",
		"realize --source a=b,c=d --source e=f x":    "pbuild realize --source=a=b,c=d --source=e=f -- x",
		"realize hello -- --format -x":               "pbuild realize -- hello --format -x",
		"realize - hello":                            "pbuild realize -- - hello",
		"realize hello --keep-failed=false":          "pbuild realize --keep-failed=false -- hello",
		"store --json gc --dry-run --store=/s --":    "pbuild store gc --json --dry-run --store=/s --",
		"realize --format -x hello":                  "pbuild realize --format=-x -- hello",
		"--version":                                  "pbuild version --",
		"--json --version -q":                        "pbuild version --json --quiet --",
		"realize version store help":                 "pbuild realize -- version store help",
		"realize --color never --format deb -q -- a": "pbuild realize --color=never --format=deb --quiet -- a",
	} {
		c, err := arrange(toy(), strings.Fields(in))
		if err == nil {
			err = c.complete()
		}
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := strings.Join(c.argv("pbuild"), " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestArrangeErrors(t *testing.T) {
	for in, want := range map[string][2]string{
		"":                           {"a verb is missing", "pbuild help"},
		"-q":                         {"a verb is missing", "pbuild help"},
		"relaize hello":              {`unknown verb "relaize"`, "did you mean realize?  pbuild help"},
		"frobnicate":                 {`unknown verb "frobnicate"`, "pbuild help"},
		"store":                      {"store: a word is missing: one of ls, gc", "pbuild help store"},
		"store lss":                  {`store: unknown verb "lss"`, "did you mean ls?  pbuild help store"},
		"--sotre /s realize x":       {"unknown flag --sotre", "did you mean --store?  pbuild help"},
		"realize --fromat deb x":     {"realize: unknown flag --fromat", "did you mean --format?  pbuild help realize"},
		"realize x --fromat=deb":     {"realize: unknown flag --fromat", "did you mean --format?  pbuild help realize"},
		"realize x --keep-faild":     {"realize: unknown flag --keep-faild", "did you mean --keep-failed?  pbuild help realize"},
		"realize x -format deb":      {"realize: unknown flag -format", "did you mean --format?  pbuild help realize"},
		"realize x --q":              {"realize: unknown flag --q", "did you mean -q?  pbuild help realize"},
		"realize x -z":               {"realize: unknown flag -z", "pbuild help realize"},
		"realize x --hlep":           {"realize: unknown flag --hlep", "did you mean --help?  pbuild help realize"},
		"realize x --version":        {"realize: unknown flag --version", "pbuild version"},
		"version --version":          {"version: unknown flag --version", "pbuild version"},
		"store --version":            {"store: unknown flag --version", "pbuild version"},
		"--version=3":                {"unknown flag --version", "pbuild version"},
		"--store= realize x":         {"flag --store needs a value", "--store=VALUE"},
		"realize x --format=":        {"realize: flag --format needs a value", "--format=VALUE"},
		"--format deb realize x":     {"flag --format must follow its verb", "pbuild realize --format"},
		"store --dry-run gc":         {"store: flag --dry-run must follow its verb", "pbuild store gc --dry-run"},
		"realize x --format":         {"realize: flag --format needs a value", "--format=VALUE"},
		"realize --format --json x":  {"realize: flag --format needs a value", "--format=VALUE"},
		"store gc --dry-run --bogus": {"store gc: unknown flag --bogus", "pbuild help store gc"},
	} {
		c, err := arrange(toy(), strings.Fields(in))
		if err == nil {
			err = c.complete()
		}
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: error %v, want a usage error", in, err)
			continue
		}
		if d := cmp.Diff(want, [2]string{usage.msg, usage.hint}); d != "" {
			t.Errorf("%q (-want +got)\n%s", in, d)
		}
	}
}
