package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// realizeOptions is what the flags of realize say.
type realizeOptions struct {
	names      []string
	all        bool
	format     recipe.Format // empty: every one that a recipe has
	out        string        // directory for the package files
	jobs       int
	failFast   bool
	keepFailed bool
}

func realizeVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "realize",
		Usage:     "build packages, or take them from the store",
		ArgsUsage: "NAME…|--all",
		Description: examples("pbuild realize hello", "pbuild realize hello tree --format deb --out /srv/incoming",
			"pbuild realize --all --fail-fast", "pbuild realize hello --keep-failed") +
			"\nNAME is a recipe, or a package that exactly one recipe makes. The packages are\ncopied to result/. Exits 3 when a build failed.\n",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "every recipe of the collection"},
			formatFlag(),
			&cli.StringFlag{Name: "out", Value: "result", Usage: "copy the packages to `DIR`"},
			&cli.IntFlag{Name: "jobs", Value: defaultJobs(), Usage: "build `N` packages at once"},
			&cli.BoolFlag{Name: "fail-fast", Usage: "stop when one fails"},
			&cli.BoolFlag{Name: "keep-failed", Usage: "keep the files of a failed build, to look at"},
			mirrorFlag(),
		},
		Action: func(c *cli.Context) error {
			o := realizeOptions{
				names: c.Args().Slice(), all: c.Bool("all"), out: c.String("out"), jobs: c.Int("jobs"),
				failFast: c.Bool("fail-fast"), keepFailed: c.Bool("keep-failed"),
			}
			if err := namesOrAll(c, o.names, o.all); err != nil {
				return err
			}
			var err error
			if o.format, err = formatOf(c); err != nil {
				return err
			}
			if o.jobs < 1 {
				return &usageError{msg: fmt.Sprintf("realize: --jobs %d: want at least 1", o.jobs), hint: "pbuild help realize"}
			}
			return runRealize(c.Context, con, placesOf(c), o)
		},
	}
}

// defaultJobs leaves each build two processors.
func defaultJobs() int { return max(1, runtime.NumCPU()/2) }

// runRealize builds and hands over. What failed is shown by the renderer, each
// failure when it happens.
func runRealize(ctx context.Context, con *console, at places, o realizeOptions) error {
	begun := con.now()
	done, err := realizeAll(ctx, con, at, o)
	if done == nil {
		return err
	}
	if err := con.results(done.files, con.now().Sub(begun)); err != nil {
		return fmt.Errorf("realize: %w", err)
	}
	return err
}

// realized is what a run came to.
type realized struct{ files []result }

// realizeAll runs with a renderer, which has stopped when it returns. The result
// is nil when nothing was begun.
func realizeAll(ctx context.Context, con *console, at places, o realizeOptions) (*realized, error) {
	view := con.progress("realize")
	defer view.stop()
	w, err := openWorkplace(con, at, view.event)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	defer w.close()
	r := w.realizer()
	r.Jobs, r.FailFast, r.KeepFailed = o.jobs, o.failFast, o.keepFailed
	targets, err := r.Targets(o.names, o.all, o.format)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	plan, err := r.Plan(ctx, targets)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	announce(view, plan, w.store.Dir())
	results, failed := r.Realize(ctx, plan)
	done := &realized{}
	if err := done.handOver(w.store, results, o.out); err != nil {
		return done, errors.Join(shownFailure(failed), fmt.Errorf("realize: %w", err))
	}
	return done, shownFailure(failed)
}

// announce says what will be done, where it is more than a look.
func announce(view renderer, plan *realize.Plan, dir string) {
	if plan.FirstFetch > 0 || plan.FirstDisk > 0 {
		view.note(fmt.Sprintf("first time: %s to fetch, %s on disk, in %s", sizeText(plan.FirstFetch), sizeText(plan.FirstDisk), dir))
	}
	if n := len(plan.Nodes); n > 1 {
		view.note(fmt.Sprintf("%s: %d cached, %d to build", plural(n, "derivation"), plan.Cached, n-plan.Cached))
	}
}

// handOver copies the files of what was realized to dir.
func (d *realized) handOver(s *store.Store, results []realize.Result, dir string) (err error) {
	out := realize.OutDir(s, dir)
	defer func() { err = errors.Join(err, out.Close()) }()
	for _, res := range results {
		if res.Realization == nil {
			continue
		}
		for _, f := range res.Realization.Files {
			if err := out.Put(f.Name, f.Digest, f.Size); err != nil {
				return err
			}
			d.files = append(d.files, result{
				State: string(res.State), Recipe: res.Recipe.Name, Format: string(res.Format), Arch: f.Arch,
				Key: res.Realization.Key, Artifact: res.Realization.Manifest, SHA256: f.Digest, File: f.Name,
				Seconds: res.Realization.Seconds,
			})
		}
	}
	return nil
}

// shownFailure turns the failures of nodes, which were shown one by one, into
// the exit code; an interruption stays what it is.
func shownFailure(err error) error {
	var (
		build   *realize.BuildError
		outputs *realize.OutputsError
		require *realize.RequireError
	)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &build), errors.As(err, &outputs), errors.As(err, &require):
		return &exitError{code: exitBuildFailed}
	}
	return &exitError{code: exitFailed}
}
