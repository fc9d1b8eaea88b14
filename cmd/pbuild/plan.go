package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// planOptions is what the arguments of plan and the flags that it shares with
// realize say.
type planOptions struct {
	names   []string
	all     bool
	format  recipe.Format // empty: every one that a recipe has
	sources bool          // source packages too
}

func planVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "what would be fetched and built, and why",
		ArgsUsage: "NAME…|--all",
		Description: examples("pbuild plan --all", "pbuild plan hello --format deb", "pbuild plan --all --json",
			"pbuild plan fuel-agent --source fuel-agent=DIR", "pbuild plan --all --set recipes/stand-ins.set.yaml") +
			"\nIt says what realize would do with the same arguments, and does nothing of it; but\na --source that is a commit, a branch or a tag is fetched, to know it.\n" +
			"\nWhy something is to be built: «new», for nothing was built of the recipe in that\nformat before; «changed», with what differs from the newest build in the store; or\n«lost», for the store lacks a part of what it had. What «waits» needs another recipe\nthat is to be built first: when that comes out as it was before, it is not built.\n",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "every recipe of the collection"},
			formatFlag(),
			sourcePackageFlag(),
			offlineFlag(),
		}, sourceFlags()...),
		Before: func(c *cli.Context) error {
			_, err := planOptionsOf(c)
			return err
		},
		Action: func(c *cli.Context) error {
			o, err := planOptionsOf(c)
			if err != nil {
				return err
			}
			at, err := placesWith(c, con)
			if err != nil {
				return err
			}
			if err := showPlan(c.Context, con, at, o); err != nil {
				return fmt.Errorf("plan: %w", err)
			}
			return nil
		},
	}
}

// planOptionsOf reads the flags. Errors are *usageError.
func planOptionsOf(c *cli.Context) (o planOptions, err error) {
	o = planOptions{names: c.Args().Slice(), all: c.Bool("all"), sources: c.Bool("source-package")}
	if err := namesOrAll(c, o.names, o.all); err != nil {
		return o, err
	}
	o.format, err = formatOf(c)
	return o, err
}

// planned is a derivation as «plan --json» prints it.
type planned struct {
	Recipe  string          `json:"recipe"`
	Format  string          `json:"format"`
	State   string          `json:"state"` // "cached", "build", "waits"
	Key     digest.Key      `json:"key,omitzero"`
	PlanKey digest.Key      `json:"plan-key"`
	Why     string          `json:"why,omitempty"`    // of «build» and «waits»
	Since   digest.Key      `json:"since,omitzero"`   // key of what it was compared with
	Changed []recipe.Change `json:"changed,omitzero"` // against that
	Lost    digest.Digest   `json:"lost,omitzero"`    // a blob
	Needs   []need          `json:"needs,omitzero"`   // of «build»: what the store lacks
}

// need is something to fetch or to make before a build.
type need struct {
	What   string `json:"what"` // "image", "packages", "source"
	Name   string `json:"name"`
	Commit string `json:"commit,omitempty"`
	Bytes  *int64 `json:"bytes,omitempty"` // to fetch; left out: not known before
	Disk   int64  `json:"disk,omitempty"`  // bytes
}

// showPlan prints what realize would do.
func showPlan(ctx context.Context, con *console, at places, o planOptions) error {
	w, err := openWorkplace(con, at, func(event.Event) {}) // nothing is made
	if err != nil {
		return err
	}
	defer w.close()
	r, err := w.realizer(ctx)
	if err != nil {
		return err
	}
	targets, err := r.Targets(o.names, o.all, o.format)
	if err != nil {
		return err
	}
	if o.sources {
		targets = realize.WithSources(targets)
	}
	plan, err := r.Plan(ctx, targets)
	if err != nil {
		return err
	}
	reasons, err := r.Reasons(plan)
	if err != nil {
		return err
	}
	needs, err := r.Needs(plan)
	if err != nil {
		return err
	}
	var rows []planned
	for i, n := range plan.Nodes {
		rows = append(rows, plannedOf(n, reasons[i], needs[i]))
	}
	if err := con.planned(rows); err != nil {
		return err
	}
	con.needed(needs)
	con.say("%s", planText(plan))
	return nil
}

func plannedOf(n *realize.Node, why *realize.Reason, needs []realize.Need) planned {
	p := planned{Recipe: n.Recipe.Name, Format: string(n.Format), State: "cached", Key: n.Key, PlanKey: n.PlanKey}
	if why == nil {
		return p
	}
	p.State, p.Why, p.Changed, p.Lost = "build", why.String(), why.Changed, why.Lost
	if n.Key.IsZero() {
		p.State = "waits"
	}
	if why.Since != nil {
		p.Since = why.Since.Key
	}
	for _, n := range needs {
		one := need{What: string(n.Kind), Name: n.Name, Commit: n.Commit, Disk: n.Disk}
		if n.Fetch >= 0 {
			one.Bytes = &n.Fetch
		}
		p.Needs = append(p.Needs, one)
	}
	return p
}

// planned prints the derivations of a plan.
func (c *console) planned(all []planned) error {
	var rows [][]cell
	for _, p := range all {
		if c.json {
			if err := c.object(p); err != nil {
				return err
			}
			continue
		}
		why := cell{"", "-"}
		if p.Why != "" {
			why = plain(p.Why)
		}
		key := cell{p.Key.Short(), p.Key.String()}
		if p.Key.IsZero() {
			key = plain("-")
		}
		rows = append(rows, []cell{plain(p.Recipe), plain(p.Format), plain(p.State), key, why})
	}
	return c.table(rows)
}

// needed tells people what the derivations of a plan need, each thing once.
func (c *console) needed(all [][]realize.Need) {
	said := map[realize.Need]bool{}
	for _, needs := range all {
		for _, n := range needs {
			if !said[n] {
				said[n] = true
				c.say("%s %s: %s", n.Kind, n.Name, needText(n))
			}
		}
	}
}

// needText says what a need costs, e.g. «133.0 MB to fetch, 466.1 MB on disk».
func needText(n realize.Need) string {
	s := sizeText(n.Fetch) + " to fetch"
	switch {
	case n.Commit != "":
		return "commit " + n.Commit + " to fetch"
	case n.Fetch < 0:
		return "to fetch, with the files that it names"
	case n.Disk > 0:
		s += ", " + sizeText(n.Disk) + " on disk"
	}
	return s
}

// planText sums up a plan, e.g. «13 derivations: 9 cached, 4 to build».
func planText(p *realize.Plan) string {
	n := len(p.Nodes)
	s := fmt.Sprintf("%s: %d cached, %d to build", plural(n, "derivation"), p.Cached, n-p.Cached-p.Waiting)
	if p.Waiting > 0 {
		s += fmt.Sprintf(", %d waiting for them", p.Waiting)
	}
	return s
}
