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
		Usage:     "resolve which exact packages builders are made of",
		ArgsUsage: "--builders [NAME…]",
		Description: examples("pbuild lock --builders debian-12-rpm", "pbuild lock --builders") +
			"\nApt resolves them in the sandbox, in the image below, against the archive as it\nis now. Locks that change are written, and listed; what stands on a builder\ncomes along.\n",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "builders", Usage: "these builders, all without names"},
			mirrorFlag(),
		},
		Before: func(c *cli.Context) error {
			if !c.Bool("builders") {
				return &usageError{msg: "lock: --builders is missing", hint: "pbuild help lock"}
			}
			return nil
		},
		Action: func(c *cli.Context) error {
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
		if err := con.putLockFile(w.dir, l.Name+".packages", l.Packages); err != nil {
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
