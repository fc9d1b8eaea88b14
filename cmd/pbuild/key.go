package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func keyVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "key",
		Usage:     "print the key, or the derivation behind it",
		ArgsUsage: "NAME",
		Description: examples("pbuild key hello", "pbuild key hello --format deb --text", "pbuild key hello --json", "pbuild key hello --plan") +
			"\nA recipe with several formats has a key for each. In the key of one that needs\nanother stands what that makes, so it is known when that is built; its plan key is\nknown before, and changes with each input of what it needs.\n",
		Flags: append([]cli.Flag{
			formatFlag(),
			&cli.BoolFlag{Name: "text", Usage: "the derivation's text, of which the key is the sha256"},
			&cli.BoolFlag{Name: "plan", Usage: "the plan key, in which a needed recipe stands by its own plan key"},
		}, sourceFlags()...),
		Before: takes(1, 1, "NAME"),
		Action: ofName(con, func(c *cli.Context, at places, format recipe.Format) error {
			return showKey(c.Context, con, at, c.Args().First(), format, c.Bool("text"), c.Bool("plan"))
		}),
	}
}

// keyed is what «key --json» prints.
type keyed struct {
	Recipe string     `json:"recipe"`
	Format string     `json:"format"`
	Key    digest.Key `json:"key"`
	Text   string     `json:"text,omitempty"`
}

func showKey(ctx context.Context, con *console, at places, name string, format recipe.Format, text, plan bool) error {
	nodes, err := keysOf(ctx, con, at, name, format, plan)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return con.keys(name, nodes, text)
}

// keys prints the keys of what name means, or with text the derivations.
func (c *console) keys(name string, nodes []*realize.Node, text bool) error {
	switch {
	case c.json:
		for _, n := range nodes {
			k := keyed{Recipe: n.Recipe.Name, Format: string(n.Format), Key: n.Key}
			if text {
				k.Text = string(n.Text)
			}
			if err := c.object(k); err != nil {
				return err
			}
		}
		return nil
	case text && len(nodes) > 1:
		return &usageError{
			msg:  fmt.Sprintf("key %s: %s and %s: which?", name, nodes[0].Format, nodes[1].Format),
			hint: c.again.line("key", name, "--text", "--format", string(nodes[0].Format)),
		}
	case text:
		return c.print(escape(string(nodes[0].Text)))
	case len(nodes) == 1:
		return c.print(nodes[0].Key.String() + "\n")
	}
	var rows [][]cell
	for _, n := range nodes {
		rows = append(rows, []cell{plain(n.Recipe.Name), plain(string(n.Format)), plain(n.Key.String())})
	}
	return c.table(rows)
}

// keysOf closes what name means: for plan keys, which then stand for keys, or for
// keys, in which the packages count that the store has of needed recipes.
func keysOf(ctx context.Context, con *console, at places, name string, format recipe.Format, plan bool) ([]*realize.Node, error) {
	conf, err := settings(con, at)
	if err != nil {
		return nil, err
	}
	c, err := openCollection(con, conf, at)
	if err != nil {
		return nil, err
	}
	defer c.close()
	nodes, err := c.nodes(ctx, nil, name, format)
	if err != nil {
		return nil, err
	}
	unknown := func(n *realize.Node) bool { return n.Key.IsZero() }
	if plan {
		for _, n := range nodes {
			n.Key = n.PlanKey
		}
	} else if slices.ContainsFunc(nodes, unknown) {
		s, err := store.Open(conf.Store.Value)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		if nodes, err = c.nodes(ctx, s, name, format); err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(nodes, unknown); i >= 0 {
			return nil, &unbuiltError{nodes[i].Recipe.Name, nodes[i].Waits()}
		}
	}
	return nodes, nil
}

// unbuiltError says that a key is not known yet.
type unbuiltError struct {
	name  string
	needs []string
}

func (e *unbuiltError) Error() string {
	return fmt.Sprintf("%s: needs %s, to be built first: what it makes is in the key", e.name, strings.Join(e.needs, ", "))
}
