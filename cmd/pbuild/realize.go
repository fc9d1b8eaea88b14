package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
)

// realizeOptions is what the flags of realize say.
type realizeOptions struct {
	names      []string
	all        bool
	format     recipe.Format // empty: every one that a recipe has
	out        string        // directory for the package files
	jobs       int
	sources    bool // source packages too
	failFast   bool
	keepFailed bool
}

func realizeVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "realize",
		Usage:     "build packages, or take them from the store",
		ArgsUsage: "NAME…|--all",
		Description: examples("pbuild realize hello", "pbuild realize hello tree --format deb --out /srv/incoming",
			"pbuild realize --all --fail-fast", "pbuild realize hello --keep-failed", "pbuild realize hello --offline",
			"pbuild realize --all --junit report.xml --events events.jsonl",
			"pbuild realize fuel-agent --source fuel-agent=DIR",
			"pbuild realize fuel-library --source fuel-library/modules/stdlib=DIR", "pbuild realize --all --set recipes/stand-ins.set.yaml") +
			"\nNAME is a recipe, or a package that exactly one recipe makes. The packages are\ncopied to result/. Exits 3 when a build failed.\n" +
			"\nA folder given with --source is built as it is, without .git; one that holds what\nthe lock names has the same key. A recipe whose version is a scheme is numbered\notherwise when its source is another one.\n" +
			"\nWhat a recipe needs is built first and not copied, unless it is asked for too.\n" +
			"\nThe JUnit report has a testcase for each derivation. The events are for programs:\nthe first line is {\"pbuild-events\":1,…}, each later one says when what came to which\nstate. With --offline nothing is fetched: what the store lacks is an error.\n",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "every recipe of the collection"},
			formatFlag(),
			sourcePackageFlag(),
			&cli.StringFlag{Name: "out", Value: "result", Usage: "copy the packages to `DIR`"},
			&cli.IntFlag{Name: "jobs", Value: defaultJobs(), Usage: "build `N` packages at once"},
			&cli.BoolFlag{Name: "fail-fast", Usage: "stop when one fails"},
			&cli.BoolFlag{Name: "keep-failed", Usage: "keep the files of a failed build, to look at"},
			mirrorFlag(),
			offlineFlag(),
		}, slices.Concat(sourceFlags(), recordFlags())...),
		Before: func(c *cli.Context) error {
			_, err := realizeOptionsOf(c)
			return err
		},
		Action: func(c *cli.Context) error {
			o, err := realizeOptionsOf(c)
			if err != nil {
				return err
			}
			at, err := placesWith(c, con)
			if err != nil {
				return err
			}
			rec, err := con.openRecording(c)
			if err != nil {
				return fmt.Errorf("realize: %w", err)
			}
			return rec.end("realize", runRealize(c.Context, con, at, o, rec))
		},
	}
}

func sourcePackageFlag() cli.Flag {
	return &cli.BoolFlag{Name: "source-package", Usage: "source packages too: a .dsc with its files, a .src.rpm"}
}

// realizeOptionsOf reads the flags. Errors are *usageError.
func realizeOptionsOf(c *cli.Context) (o realizeOptions, err error) {
	o = realizeOptions{
		names: c.Args().Slice(), all: c.Bool("all"), out: c.String("out"), jobs: c.Int("jobs"),
		sources: c.Bool("source-package"), failFast: c.Bool("fail-fast"), keepFailed: c.Bool("keep-failed"),
	}
	if err := namesOrAll(c, o.names, o.all); err != nil {
		return o, err
	}
	if o.format, err = formatOf(c); err != nil {
		return o, err
	}
	if o.jobs < 1 {
		return o, &usageError{msg: fmt.Sprintf("realize: --jobs %d: want at least 1", o.jobs), hint: "pbuild help realize"}
	}
	return o, nil
}

// defaultJobs is a build for each processor: most of a build does one thing after
// the other.
func defaultJobs() int { return runtime.NumCPU() }

// runRealize builds and hands over. What failed is shown by the renderer, each
// failure when it happens.
func runRealize(ctx context.Context, con *console, at places, o realizeOptions, rec *recording) error {
	begun := con.now()
	files, failed := realizeAll(ctx, con, at, o, rec)
	if err := con.results(files, con.now().Sub(begun)); err != nil {
		return fmt.Errorf("realize: %w", err)
	}
	return failed
}

// realizeAll runs with a renderer, which has stopped when it returns. The files
// are those that were handed over, also when there is an error.
func realizeAll(ctx context.Context, con *console, at places, o realizeOptions, rec *recording) ([]result, error) {
	view := rec.over(con.progress("realize"))
	defer view.stop()
	w, err := openWorkplace(con, at, view.event)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	defer w.close()
	r, err := w.realizer(ctx)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	r.Jobs, r.FailFast, r.KeepFailed = o.jobs, o.failFast, o.keepFailed
	targets, err := r.Targets(o.names, o.all, o.format)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	if o.sources {
		targets = realize.WithSources(targets)
	}
	plan, err := r.Plan(ctx, targets)
	if err != nil {
		return nil, fmt.Errorf("realize: %w", err)
	}
	announce(view, plan, w.store.Dir())
	r.Out = con.output(w.store, o.out)
	results, failed := r.Realize(ctx, plan)
	code := failureCode(failed)
	files := handedOver(results)
	if err := r.Out.Close(); err != nil {
		return files, &exitError{max(code, exitFailed), fmt.Errorf("realize: %w", err)}
	}
	switch {
	case ctx.Err() != nil:
		return files, fmt.Errorf("realize: %w", ctx.Err())
	case failed != nil:
		return files, &exitError{code: code} // each was shown when it happened
	}
	return files, nil
}

// announce says what will be done, where it is more than a look.
func announce(view renderer, plan *realize.Plan, dir string) {
	if plan.FirstFetch > 0 || plan.FirstDisk > 0 {
		fetch := "nothing"
		if plan.FirstFetch > 0 {
			fetch = sizeText(plan.FirstFetch)
		}
		view.note(fmt.Sprintf("first time: %s to fetch, %s on disk, in %s", fetch, sizeText(plan.FirstDisk), dir))
	}
	noted := map[string]bool{} // both formats have one source
	for _, n := range plan.Nodes {
		if n.SourceNote != "" && !noted[n.Recipe.Name] {
			noted[n.Recipe.Name] = true
			view.note(n.Recipe.Name + ": " + n.SourceNote)
		}
	}
	if len(plan.Nodes) > 1 {
		view.note(planText(plan))
	}
}

// handedOver returns the files of what was realized.
func handedOver(results []realize.Result) (files []result) {
	for _, res := range results {
		if res.Realization == nil || res.Needed {
			continue
		}
		for _, f := range res.Realization.Files {
			files = append(files, result{
				State: string(res.State), Recipe: res.Recipe.Name, Format: string(res.Format), Arch: f.Arch,
				Key: res.Realization.Key, Artifact: res.Realization.Manifest, SHA256: f.Digest, File: f.Name,
				Seconds: res.Realization.Seconds,
			})
		}
	}
	return files
}

// failureCode returns the exit code for the joined errors of nodes.
func failureCode(err error) int {
	var (
		build   *realize.BuildError
		bad     *realize.BadOutputError
		outputs *realize.OutputsError
		require *realize.RequireError
		release *realize.ReleaseError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &build), errors.As(err, &bad), errors.As(err, &outputs), errors.As(err, &require), errors.As(err, &release):
		return exitBuildFailed
	}
	return exitFailed
}
