package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func builderVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "builder",
		Usage:       "list and make builder images",
		Description: examples("pbuild builder ls", "pbuild builder build debian-12-deb"),
		Subcommands: []*cli.Command{builderLsVerb(con), builderBuildVerb(con)},
	}
}

func builderLsVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "ls",
		Usage:       "list the collection's builders, and which the store has",
		Description: examples("pbuild builder ls", "pbuild builder ls --json"),
		Before:      takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			if err := builderLs(con, placesOf(c)); err != nil {
				return fmt.Errorf("builder ls: %w", err)
			}
			return nil
		},
	}
}

// image is a builder as «builder ls» and «builder build» print it.
type image struct {
	Name     string        `json:"name"`
	State    string        `json:"state"`           // "here", "absent", "not locked"; "built", "cached", "healed"; "locked"
	Digest   digest.Digest `json:"digest,omitzero"` // as the lock says
	Packages int           `json:"packages"`        // of its own layer
	Bytes    int64         `json:"bytes"`           // of its own layer, unpacked
}

func builderLs(con *console, at places) error {
	w, err := openWorkplace(con, at, func(event.Event) {}) // nothing is made
	if err != nil {
		return err
	}
	defer w.close()
	names, err := w.recipes.BuilderNames()
	if err != nil {
		return err
	}
	var all []image
	for _, name := range names {
		b, err := w.recipes.Builder(name)
		if err != nil {
			return err
		}
		i, err := w.image(b)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, i)
	}
	return con.images(all)
}

// image looks for a builder's image in the store.
func (w *workplace) image(b *recipe.Builder) (image, error) {
	i := image{Name: b.Name, State: "not locked"}
	if b.Lock == nil {
		return i, nil
	}
	packages, err := w.recipes.Packages(b)
	if err != nil {
		return i, err
	}
	i.Packages, i.Bytes, i.Digest = len(packages), b.Lock.Size, b.Lock.Builder
	if i.Digest.IsZero() {
		return i, nil
	}
	switch _, err := w.maker.Find(b); {
	case err == nil:
		i.State = "here"
	case errors.Is(err, store.ErrNotFound):
		i.State = "absent"
	default:
		return i, err
	}
	return i, nil
}

// images prints builder images.
func (c *console) images(all []image) error {
	var rows [][]cell
	for _, i := range all {
		if c.json {
			if err := c.object(i); err != nil {
				return err
			}
			continue
		}
		d := cell{"-", "-"}
		if !i.Digest.IsZero() {
			d = digestCell(i.Digest)
		}
		rows = append(rows, []cell{
			plain(i.Name), plain(i.State), d,
			{plural(i.Packages, "package"), fmt.Sprint(i.Packages)},
			{sizeText(i.Bytes), fmt.Sprint(i.Bytes)},
		})
	}
	return c.table(rows)
}

func builderBuildVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "make a builder image, or check the one in the store",
		ArgsUsage: "NAME",
		Description: examples("pbuild builder build debian-12-deb", "pbuild builder build debian-12-deb --write-lock") +
			"\nWithout --write-lock an image that comes out otherwise than its lock says is an error.\n" +
			"An image that the store has is read in full; what is damaged is unpacked or made\nagain, and the image is then called healed.\n",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "write-lock", Usage: "make it anew, and write what came out into NAME.lock"},
			mirrorFlag(),
			offlineFlag(),
		},
		Before: takes(1, 1, "NAME"),
		Action: func(c *cli.Context) error {
			i, err := builderBuild(c.Context, con, placesOf(c), c.Args().First(), c.Bool("write-lock"))
			if err != nil {
				return fmt.Errorf("builder build: %w", err)
			}
			return con.images([]image{i})
		},
	}
}

// builderBuild makes one image, shown by a renderer that has stopped when it
// returns.
func builderBuild(ctx context.Context, con *console, at places, name string, writeLock bool) (image, error) {
	view := con.progress("builder build")
	defer view.stop()
	w, err := openWorkplace(con, at, view.event)
	if err != nil {
		return image{}, err
	}
	defer w.close()
	b, err := w.recipes.Builder(name)
	if err != nil {
		return image{}, err
	}
	i, err := w.image(b)
	if err != nil {
		return i, fmt.Errorf("%s: %w", name, err)
	}
	had := i.State == "here"
	if writeLock {
		lock, files, err := w.maker.Make(ctx, name)
		if err != nil {
			return i, err
		}
		if err := w.writeLock(name, lock, files); err != nil {
			return i, err
		}
		i.Digest, i.Bytes, i.State = lock.Builder, lock.Size, "built"
		return i, nil
	}
	made, healed, err := w.maker.EnsureWhole(ctx, name)
	if err != nil {
		return i, err
	}
	fetched, err := w.maker.EnsurePackages(ctx, name)
	if err != nil {
		return i, err
	}
	i.Digest = made.Digest
	switch {
	case healed, had && fetched:
		i.State = "healed"
	case had:
		i.State = "cached"
	default:
		i.State = "built"
	}
	return i, nil
}

// writeLock replaces NAME.files and NAME.lock, each whole; the lock last, since
// it names the other one's digest.
func (w *workplace) writeLock(name string, lock *recipe.BuilderLock, files []byte) error {
	if err := w.con.putBuilderFile(w.dir, name+".files", files); err != nil {
		return err
	}
	return w.con.putBuilderFile(w.dir, name+".lock", lock.Text())
}
