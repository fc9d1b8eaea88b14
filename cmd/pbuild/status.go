package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

func statusVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "table of packages: version, what is built, digests",
		ArgsUsage: "[NAME…]",
		Description: examples("pbuild status", "pbuild status hello tree", "pbuild status --json",
			"pbuild status --set recipes/stand-ins.set.yaml") +
			"\nA row for each recipe, or for those named: its RPM and DEB packages, the version,\nwhether the store has them as the recipe is now, and the digests of the artifacts.\n" +
			"A recipe that can't be read, whose lock is stale, or whose last build failed, is a row\ntoo, with more about that at its end. Exits 0 when all could be told, whatever it is.\n",
		Flags: sourceFlags(),
		Action: func(c *cli.Context) error {
			at, err := placesWith(c, con)
			if err != nil {
				return err
			}
			if err := showStatus(c.Context, con, at, c.Args().Slice()); err != nil {
				return fmt.Errorf("status: %w", err)
			}
			return nil
		},
	}
}

// standing is a recipe as «status --json» prints it.
type standing struct {
	Recipe  string          `json:"recipe"`
	Version string          `json:"version,omitempty"` // both where they differ
	State   string          `json:"state"`             // e.g. "rpm built, deb to build"
	Reason  string          `json:"reason,omitempty"`  // of a bad recipe and a stale lock; how to read the log of a build that failed
	RPM     *formatStanding `json:"rpm,omitempty"`
	Deb     *formatStanding `json:"deb,omitempty"`
}

// formatStanding is one format of a recipe.
type formatStanding struct {
	Outputs  []string      `json:"outputs"`
	Version  string        `json:"version,omitempty"`
	State    string        `json:"state"`
	Key      digest.Key    `json:"key,omitzero"`
	Artifact digest.Digest `json:"artifact,omitzero"` // of the manifest, when built
	Files    []builtFile   `json:"files,omitempty"`
}

type builtFile struct {
	File   string        `json:"file"`
	SHA256 digest.Digest `json:"sha256"`
}

func showStatus(ctx context.Context, con *console, at places, names []string) error {
	w, err := openWorkplace(con, at, func(event.Event) {}) // nothing is made
	if err != nil {
		return err
	}
	defer w.close()
	r, err := w.realizer(ctx)
	if err != nil {
		return err
	}
	targets, err := r.Targets(names, len(names) == 0, "")
	if err != nil {
		return err
	}
	all, err := r.Status(ctx, targets)
	if err != nil {
		return err
	}
	var rows [][]cell
	for _, s := range all {
		one := standingOf(s, con.again)
		if con.json {
			if err := con.object(one); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, one.row())
	}
	return con.headed([]string{"NAME", "RPM", "DEB", "VERSION", "STATE", "DIGEST"}, rows)
}

// standingOf prints a status.
func standingOf(s realize.Status, again repeated) standing {
	one := standing{Recipe: s.Name, State: string(realize.StateBadRecipe)}
	if s.Err != nil {
		one.Reason = s.Err.Error()
		return one
	}
	var versions, states, reasons []string
	for _, f := range s.Formats {
		fs := &formatStanding{Outputs: f.Outputs, Version: f.Version, State: string(f.State), Key: f.Key}
		if f.Built != nil {
			fs.Artifact = f.Built.Manifest
			for _, file := range f.Built.Files {
				fs.Files = append(fs.Files, builtFile{file.Name, file.Digest})
			}
		}
		if f.Err != nil {
			reasons = append(reasons, f.Err.Error())
		}
		if f.State == realize.StateFailed {
			reasons = append(reasons, again.line("log", s.Name, "--format", string(f.Format)))
		}
		if f.Version != "" {
			versions = append(versions, f.Version)
		}
		states = append(states, string(f.State))
		if f.Format == recipe.FormatRPM {
			one.RPM = fs
		} else {
			one.Deb = fs
		}
	}
	if one.State = states[0]; len(slices.Compact(slices.Clone(states))) > 1 {
		for i, f := range s.Formats {
			states[i] = string(f.Format) + " " + states[i]
		}
		one.State = strings.Join(states, ", ")
	}
	one.Version = strings.Join(slices.Compact(versions), ", ")
	one.Reason = strings.Join(slices.Compact(reasons), "; ")
	return one
}

// row returns the fields of a recipe for people and scripts; a reason is one more.
func (s standing) row() []cell {
	outputs := func(f *formatStanding) cell {
		if f == nil {
			return plain("-")
		}
		return plain(strings.Join(f.Outputs, ", "))
	}
	var short, exact []string
	for _, f := range []*formatStanding{s.RPM, s.Deb} {
		if f != nil && !f.Artifact.IsZero() {
			short, exact = append(short, f.Artifact.Short()), append(exact, f.Artifact.String())
		}
	}
	digests := plain("-")
	if exact != nil {
		digests = cell{strings.Join(short, ", "), strings.Join(exact, ", ")}
	}
	version := plain("-")
	if s.Version != "" {
		version = plain(s.Version)
	}
	row := []cell{plain(s.Recipe), outputs(s.RPM), outputs(s.Deb), version, plain(s.State), digests}
	if s.Reason != "" {
		row = append(row, plain(s.Reason))
	}
	return row
}
