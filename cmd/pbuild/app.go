package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/worker"
)

// newApp returns the verbs and the flags that every verb takes. A verb is listed
// when it works.
func newApp(con *console) *cli.App {
	app := &cli.App{
		Name:                      "pbuild",
		Usage:                     "build packages from recipes, in a sandbox, into a store",
		Flags:                     everywhere(),
		HideHelp:                  true,
		HideVersion:               true,
		Suggest:                   true,
		DisableSliceFlagSeparator: true, // a comma is part of a value
		Writer:                    io.Discard,
		ErrWriter:                 io.Discard,
		ExitErrHandler:            func(*cli.Context, error) {}, // run prints and maps the error
		Commands: []*cli.Command{
			inWorker(con, true, realizeVerb(con)),
			inWorker(con, true, planVerb(con)),
			inWorker(con, true, statusVerb(con)),
			inWorker(con, true, keyVerb(con)),
			inWorker(con, true, logVerb(con)),
			inWorker(con, true, shellVerb(con)),
			inWorker(con, true, lockVerb(con)),
			inWorker(con, true, updateVerb(con)),
			inWorker(con, true, builderVerb(con)),
			inWorker(con, false, storeVerb(con)),
			initVerb(con),
			inWorker(con, false, doctorVerb(con)),
			configVerb(con),
			versionVerb(con),
			helpVerb(con),
		},
	}
	adopt(con, app.Commands)
	return app
}

// everywhere returns the flags of every verb, new values at each call because
// the parser writes into them.
func everywhere() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "store", Usage: "keep the store in `DIR`"},
		&cli.StringFlag{Name: "config", Usage: "read configuration from `FILE` instead of ~/.config/pbuild/config.yaml"},
		&cli.StringFlag{Name: "recipes", Usage: "take recipes from `DIR`, which holds pbuild.yaml"},
		&cli.BoolFlag{Name: "json", Usage: "the answer as JSON, one object a line"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show failures and the answer only"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show each step"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "colour: `WHEN` is auto (on a terminal), always or never"},
	}
}

// adopt gives each verb the flags of all, and errors instead of printed usage.
func adopt(con *console, verbs []*cli.Command) {
	for _, v := range verbs {
		v.HideHelp = true
		if len(v.Subcommands) > 0 {
			adopt(con, v.Subcommands)
			continue
		}
		v.Flags = append(v.Flags, everywhere()...)
		check := v.Before // of its command line, before anything begins
		v.Before = func(c *cli.Context) error {
			if err := con.apply(c); err != nil || check == nil {
				return err
			}
			return check(c)
		}
		v.OnUsageError = func(c *cli.Context, err error, _ bool) error {
			verb := typedVerb(c)
			return &usageError{msg: verb + ": " + badValue(err.Error()), hint: "pbuild help " + verb}
		}
	}
}

// badValue says of a flag's value what package flag says, with the flag as it is
// typed and what it wants.
func badValue(text string) string {
	m := regexp.MustCompile(`^invalid (boolean )?value (".*") for (?:flag )?-(\S+): (.*)$`).FindStringSubmatch(text)
	switch {
	case m == nil:
		return text
	case m[1] != "":
		return fmt.Sprintf("--%s: %s: want true or false, or nothing", m[3], m[2])
	case m[4] == "parse error":
		return fmt.Sprintf("--%s: %s: want a number", m[3], m[2])
	}
	return fmt.Sprintf("--%s: %s: %s", m[3], m[2], m[4])
}

// run does what one command line says to the verbs of app, and returns the
// process's exit code.
func run(app func(*console) *cli.App, args []string, out, err *os.File, env func(string) string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// After the first signal the default stands again, so a second one ends us.
	context.AfterFunc(ctx, stop)

	con := newConsole(out, err, env)
	failure := attempt(ctx, con, app(con), args)
	code := exitCode(failure, ctx.Err() != nil)
	if failure != nil {
		con.fail(failure, code)
	}
	return code
}

// attempt is dispatch, for root's worker too.
func attempt(ctx context.Context, con *console, app *cli.App, args []string) error {
	if !worker.Is() {
		return dispatch(ctx, con, app, args)
	}
	if err := con.joinParent(); err != nil {
		return err
	}
	return errors.Join(dispatch(ctx, con, app, args), con.worker.Close())
}

// dispatch runs the verb that args name.
func dispatch(ctx context.Context, con *console, app *cli.App, args []string) error {
	line, err := arrange(app, args[1:])
	if err != nil {
		return err
	}
	if line.help {
		return showHelp(con, app, line.words)
	}
	if err := line.complete(); err != nil {
		return err
	}
	con.again = line.repeat()
	return app.RunContext(ctx, line.argv(args[0]))
}
