package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/store"
)

func storeVerifyVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:  "verify",
		Usage: "read everything in the store and check it against its digests",
		Description: examples("pbuild store verify", "pbuild store verify --repair") + `
Exits 5 when something is damaged. With --repair it is healed where the store has a
copy, else set aside in quarantine/ with what names it, so that the next realize or
builder build makes it again; each line says what became of it, and 5 says that
something is left which nothing here brings back.
`,
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "repair", Usage: "heal what is damaged, or set it aside to be made again"}},
		Before: takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			s, err := openStore(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("store verify: %w", err)
			}
			defer s.Close()
			if c.Bool("repair") {
				return storeRepair(c.Context, con, s)
			}
			return storeVerify(c.Context, con, s)
		},
	}
}

// storeReport is what «store verify --json» prints after its problems.
type storeReport struct {
	Blobs        int   `json:"blobs"`
	Bytes        int64 `json:"bytes"`
	Realizations int   `json:"realizations"`
	Roots        int   `json:"roots"`
	Trees        int   `json:"trees"`
	Problems     int   `json:"problems"`
}

type storeProblem struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

// damageError is what «store verify» ends with when there are problems.
type damageError struct {
	dir      string
	problems []store.Problem
}

func (e *damageError) Error() string {
	return fmt.Sprintf("%s: %v: %s", e.dir, store.ErrCorrupt, plural(len(e.problems), "problem"))
}

func (e *damageError) Unwrap() error { return store.ErrCorrupt }

func storeVerify(ctx context.Context, con *console, s *store.Store) error {
	r, err := s.Verify(ctx)
	if err != nil {
		return fmt.Errorf("store verify: %w", err)
	}
	var rows [][]cell
	for _, p := range r.Problems {
		if con.json {
			if err := con.object(storeProblem{p.Path, p.What}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []cell{plain(p.Path), plain(p.What)})
	}
	if err := verified(con, rows, r); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return &exitError{exitUnverified, fmt.Errorf("store verify: %w", &damageError{s.Dir(), r.Problems})}
	}
	return nil
}

// verified prints the rows, and what was looked at.
func verified(con *console, rows [][]cell, r store.Report) (err error) {
	if con.json {
		err = con.object(storeReport{r.Blobs, r.Bytes, r.Realizations, r.Roots, r.Trees, len(r.Problems)})
	} else {
		err = con.table(rows)
	}
	con.say("checked %s (%s), %s, %s, %s", plural(r.Blobs, "blob"), sizeText(r.Bytes),
		plural(r.Realizations, "realization"), plural(r.Trees, "tree"), plural(r.Roots, "root"))
	return err
}

func storeRebuildVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "rebuild",
		Usage:       "make the database and index.json anew from journal, roots and blobs",
		Description: examples("pbuild store rebuild"),
		Before:      takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			s, err := openStore(con, placesOf(c))
			if err != nil {
				return fmt.Errorf("store rebuild: %w", err)
			}
			defer s.Close()
			if err := s.Rebuild(c.Context); err != nil {
				return fmt.Errorf("store rebuild: %w", err)
			}
			con.say("made anew: database and index.json of %s", s.Dir())
			return nil
		},
	}
}
