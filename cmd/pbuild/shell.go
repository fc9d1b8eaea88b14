package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

func shellVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "shell",
		Usage:     "a shell in the sandbox of a build",
		ArgsUsage: "NAME",
		Description: examples("pbuild shell hello --format deb", "pbuild shell hello --failed", "echo 'gcc --version' | pbuild shell hello --format deb -q",
			"pbuild shell fuel-agent --source fuel-agent=DIR") +
			"\nAll is as the build would find it: sources, home, environment, packages, and the\nworking directory. The line to type for the build is shown first. Nothing is\n" +
			"recorded, and what you change is gone when you leave.\n" +
			"\nWith --failed, as the failed build left it. One that was not kept (realize\n--keep-failed) is built again first. Changes below /build stay with the kept\nbuild, for the next look.\n" +
			"\nOn a terminal it is bash, with TERM, PS1 and HISTFILE added to the environment;\nhowever it is left, that is 0. Else sh reads from the standard input, and its\nfailure is 1. Exits 3 when the build did not come so far.\n",
		Flags: append([]cli.Flag{
			formatFlag(),
			&cli.BoolFlag{Name: "failed", Usage: "in what the failed build left"},
			mirrorFlag(),
			offlineFlag(),
		}, sourceFlags()...),
		Before: takes(1, 1, "NAME"),
		Action: ofName(con, func(c *cli.Context, at places, format recipe.Format) error {
			s := &shell{con: con, name: c.Args().First(), format: format, failed: c.Bool("failed")}
			return s.run(c.Context, at)
		}),
	}
}

// shell is one run of the verb.
type shell struct {
	con    *console
	name   string
	format recipe.Format // empty: the one that there is
	failed bool

	view  renderer
	shown error // what the renderer told of the node
}

func (s *shell) run(ctx context.Context, at places) error {
	s.view = s.con.progress("shell")
	stop := sync.OnceFunc(s.view.stop)
	defer stop()
	err := s.look(ctx, at, stop)
	stop()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("shell: %w", ctx.Err())
	case s.shown != nil && errors.Is(err, s.shown):
		return &exitError{code: failureCode(err)}
	}
	return fmt.Errorf("shell: %w", err)
}

// look enters the sandbox; the renderer has stopped by then.
func (s *shell) look(ctx context.Context, at places, stop func()) error {
	w, err := openWorkplace(s.con, at, s.event)
	if err != nil {
		return err
	}
	defer w.close()
	r, err := w.realizer(ctx)
	if err != nil {
		return err
	}
	n, err := s.node(ctx, r)
	if err != nil {
		return err
	}
	if !s.failed {
		return r.Shell(ctx, n, func(program sandbox.Spec) error {
			s.view.note("the build runs: " + commandLine(program.Argv))
			s.view.note("what you change is gone when you leave")
			stop()
			return s.enter(ctx, n, program)
		})
	}
	r.KeepFailed = true
	err = r.ShellFailed(ctx, n, func(program sandbox.Spec, kept string) error {
		s.view.note("what ran last: " + commandLine(program.Argv))
		s.view.note(fate(program, kept))
		stop()
		return s.enter(ctx, n, program)
	})
	if errors.Is(err, realize.ErrNotFailed) {
		stop()
		s.con.trouble(fmt.Sprintf("shell %s: %s: %v", n.Recipe.Name, n.Format, err), s.con.again.line("shell", n.Recipe.Name, "--format", string(n.Format)))
		return nil
	}
	return err
}

func (s *shell) event(e event.Event) {
	if e.State == event.Failed && e.Node.Name == s.name && e.Err != nil {
		s.shown = e.Err
	}
	s.view.event(e)
}

// node returns what the name means; of several formats the one whose build failed,
// where that is asked for.
func (s *shell) node(ctx context.Context, r *realize.Realizer) (*realize.Node, error) {
	targets, err := r.Targets([]string{s.name}, false, s.format)
	if err != nil {
		return nil, err
	}
	var nodes, failed []*realize.Node
	for _, t := range targets {
		n, err := r.Node(ctx, t)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		log, err := r.Store.FailedLog(n.Key)
		switch {
		case err == nil:
			log.Close()
			failed = append(failed, n)
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	if s.failed && len(failed) > 0 {
		nodes = failed
	}
	if len(nodes) > 1 {
		which := []string{"shell", s.name, "--format", string(nodes[0].Format)}
		if s.failed {
			which = append(which, "--failed")
		}
		return nil, &usageError{
			msg:  fmt.Sprintf("%s: %s and %s: which?", s.name, nodes[0].Format, nodes[1].Format),
			hint: s.con.again.line(which...),
		}
	}
	s.name = nodes[0].Recipe.Name
	return nodes[0], nil
}

// enter runs a shell in the place of program. A person's last command says nothing of
// pbuild; a script's end does.
func (s *shell) enter(ctx context.Context, n *realize.Node, program sandbox.Spec) error {
	person := s.con.person()
	program.Limits.Output, program.Limits.Time = 0, 0 // there is somebody who can leave
	program.Argv = []string{"sh"}
	if person {
		program.Argv = []string{"bash", "--noprofile", "--norc"}
		program.Env = append(slices.Clip(program.Env),
			"TERM="+s.con.env("TERM"), fmt.Sprintf(`PS1=[%s %s] \w\$ `, n.Recipe.Name, n.Format), "HISTFILE=")
	}
	err := s.con.inShell(ctx, program)
	if exit := new(sandbox.ExitError); errors.As(err, &exit) {
		if person && exit.Signal == 0 {
			return nil
		}
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return err
}

// fate says what becomes of changes in a kept build.
func fate(program sandbox.Spec, kept string) string {
	for _, b := range program.Binds {
		if b.Writable { // there is one at most
			return fmt.Sprintf("what you change in %s stays in %s; elsewhere it is gone when you leave", b.Inside, kept)
		}
	}
	return "what you change is gone when you leave"
}

// commandLine returns the line that makes a shell run argv.
func commandLine(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}
