package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fuel-infra/pbuild/store"
)

// storeRepaired is what «store verify --repair --json» prints of each problem.
type storeRepaired struct {
	Path    string        `json:"path"`
	Problem string        `json:"problem"`
	Outcome store.Outcome `json:"outcome"`
	How     string        `json:"how"`
	Line    string        `json:"line,omitempty"` // makes again what was dropped
}

// leftError is what «store verify --repair» ends with when something is lost.
type leftError struct {
	dir  string
	lost []store.Repaired
}

func (e *leftError) Error() string {
	return fmt.Sprintf("%s: %v: %s left", e.dir, store.ErrCorrupt, plural(len(e.lost), "problem"))
}

func (e *leftError) Unwrap() error { return store.ErrCorrupt }

func storeRepair(ctx context.Context, con *console, s *store.Store) error {
	all, r, err := s.Repair(ctx)
	if err != nil {
		return fmt.Errorf("store verify: %w", err)
	}
	var rows [][]cell
	left := &leftError{dir: s.Dir()}
	became := map[store.Outcome]int{}
	for _, one := range all {
		if became[one.Outcome]++; one.Outcome == store.Lost {
			left.lost = append(left.lost, one)
		}
		line := lineFor(one, con.again)
		if con.json {
			if err := con.object(storeRepaired{one.Path, one.What, one.Outcome, one.How, line}); err != nil {
				return err
			}
			continue
		}
		how := one.How
		if line != "" {
			how += ":  " + line
		}
		rows = append(rows, []cell{plain(string(one.Outcome)), plain(one.Path), plain(one.What), plain(how)})
	}
	if err := verified(con, rows, r); err != nil {
		return err
	}
	if len(all) > 0 {
		con.say("%d healed, %d dropped, %d lost", became[store.Healed], became[store.Dropped], became[store.Lost])
	}
	if len(left.lost) > 0 {
		return &exitError{exitUnverified, fmt.Errorf("store verify: %w", left)}
	}
	return nil
}

// lineFor returns the line that makes again what was dropped; empty: any use does.
func lineFor(one store.Repaired, again repeated) string {
	switch {
	case one.Outcome != store.Dropped:
		return ""
	case one.Recipe != "":
		return again.line("realize", one.Recipe, "--format", one.Format)
	case one.Image != "":
		return again.line("builder", "build", one.Image)
	}
	return ""
}

// leftHints returns what a person can do about what is lost.
func leftHints(e *leftError, again repeated) (out []string) {
	for _, one := range e.lost {
		remove := "rm -r " + shellWord(filepath.Join(e.dir, one.Path))
		name, isRoot := strings.CutPrefix(one.Path, "roots/")
		switch {
		case isRoot && one.Image != "":
			image, _, _ := strings.Cut(name, "_") // its packages have a name of their own
			out = append(out, name+": of a recipe or a builder?  realize it, or  "+again.line("builder", "build", image)+"   or let the name go:  "+remove)
		case isRoot:
			out = append(out, name+": set it again, or let the name go:  "+remove)
		default:
			out = append(out, one.Path+": not needed?  "+remove)
		}
	}
	return out
}
