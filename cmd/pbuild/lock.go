package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/resolve"
)

func lockVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "lock",
		Usage:     "resolve what is missing in locks, or changed",
		ArgsUsage: "[NAME…]",
		Description: examples("pbuild lock fuel-agent", "pbuild lock", "pbuild lock --check", "pbuild lock --builders debian-12-rpm",
			"pbuild lock fuel-agent --source fuel-agent=CLONE@REF") +
			"\nWithout names that is every recipe. A recipe's lock says which commit a branch or tag\nis, the digest of its tree, and which exact packages its build dependencies are: apt\nresolves them in the sandbox, against the archive as it is now. What fits stays as it\nis; pbuild update moves on.\n" +
			"\n--check writes nothing, fetches nothing, and exits 1 when a lock is stale. With\n--builders NAME is a builder, and what stands on it comes along. A repository given\nwith --source is asked in place of the recipe's own, for the same ref.\n",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "say what is stale"},
			&cli.BoolFlag{Name: "builders", Usage: "builders, all without names"},
			mirrorFlag(),
			offlineFlag(),
		}, sourceFlags()[:1]...),
		Before: func(c *cli.Context) error {
			if c.Bool("check") && c.Bool("builders") {
				return &usageError{msg: "lock: --check and --builders: which?", hint: "pbuild help lock"}
			}
			return nil
		},
		Action: func(c *cli.Context) error {
			if !c.Bool("builders") {
				return runLock(c, con, lockOptions{names: c.Args().Slice(), check: c.Bool("check")})
			}
			all, err := lockBuilders(c.Context, con, placesOf(c), c.Args().Slice())
			if printErr := con.images(all); err == nil {
				err = printErr
			}
			if err != nil {
				return fmt.Errorf("lock: %w", err)
			}
			return nil
		},
	}
}

func updateVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "update",
		Usage:     "move locks to what branches and tags are now",
		ArgsUsage: "[NAME…]",
		Description: examples("pbuild update fuel-agent", "pbuild update") +
			"\nThe commits between are shown, newest first. A source whose ref is a full commit id\nstays: write another one into recipe.yaml.\n",
		Flags: append([]cli.Flag{mirrorFlag(), offlineFlag()}, sourceFlags()[:1]...),
		Action: func(c *cli.Context) error {
			return runLock(c, con, lockOptions{names: c.Args().Slice(), update: true})
		},
	}
}

// lockBuilders locks builders anew and returns those that changed, also when
// the next one failed.
func lockBuilders(ctx context.Context, con *console, at places, names []string) (all []image, err error) {
	view := con.progress("lock")
	defer view.stop()
	w, err := openWorkplace(con, at, view.event)
	if err != nil {
		return nil, err
	}
	defer w.close()
	r := &resolve.Resolver{Store: w.store, Fetch: w.fetch, Arch: w.arch}
	err = r.LockBuilders(ctx, w.maker, names, func(l resolve.BuilderLock) error {
		if err := con.putBuilderFile(w.dir, l.Name+".packages", l.Packages); err != nil {
			return err
		}
		if err := w.writeLock(l.Name, l.Lock, l.Files); err != nil {
			return err
		}
		all = append(all, image{
			Name: l.Name, State: "locked", Digest: l.Lock.Builder,
			Packages: bytes.Count(l.Packages, []byte("\n")), Bytes: l.Lock.Size,
		})
		return nil
	})
	return all, err
}

// isBuilderLock reports whether name is a file of the lock of a builder that the
// collection defines.
func isBuilderLock(collection, name string) bool {
	for _, ending := range []string{".packages", ".files", ".lock"} {
		builder, ok := strings.CutSuffix(name, ending)
		if !ok || builder != filepath.Base(builder) {
			continue
		}
		info, err := os.Lstat(filepath.Join(collection, "builders", builder+".yaml"))
		return err == nil && info.Mode().IsRegular()
	}
	return false
}
