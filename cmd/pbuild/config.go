package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

func configVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "config",
		Usage:       "show the configuration, and who said what",
		Description: examples("pbuild config show"),
		Subcommands: []*cli.Command{configShowVerb(con)},
	}
}

func configShowVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:  "show",
		Usage: "show each value of the configuration with where it comes from",
		Description: examples("pbuild config show", "pbuild config show --recipes ../other", "pbuild config show --json") + `
Later wins: pbuild.yaml of the collection, your own file, the environment, flags.
A list replaces an earlier one. Where nobody named a Debian mirror, those of the
host's apt are shown, each of which is looked at before it is used. Passwords are
not shown. It needs neither a collection nor a store.

  limits: {memory: 4GiB, processes: 500, disk: 20GiB, output: 64MiB, time: 2h}

are for each program of a build. In pbuild.yaml they are for recipes that have
none of their own; in your own file they are also the most that any recipe gets.
Where you say nothing that is half of the machine's memory, 32768 processes, 4 GiB
of output, 48 hours, and as much of the disk as need not stay free.

A collection may be anybody's checkout. Its pbuild.yaml may say:

  debian, mirrors  over http and https and without a password: what comes from
                   there is known by its digest, wherever it came from
  limits           up to yours

and not, which is an error:

  store            it could hold forged results, and a small quota would empty yours
  file:///DIR      a path of this host
`,
		Before: takes(0, 0, ""),
		Action: func(c *cli.Context) error {
			if err := configShow(con, placesOf(c)); err != nil {
				return fmt.Errorf("config show: %w", err)
			}
			return nil
		},
	}
}

func configShow(con *console, at places) error {
	conf, err := settings(con, at)
	if err != nil {
		return err
	}
	var host fetch.Mirrors
	if len(conf.Debian.Value) == 0 {
		if host, err = fetch.HostMirrors("/", debianSuite); err != nil {
			return err
		}
	}
	var rows [][]cell
	for _, r := range conf.Rows(host.Host) {
		if con.json {
			if err := con.object(r); err != nil {
				return err
			}
			continue
		}
		value := plain(r.Value)
		if r.Value == "" {
			value.human = "-"
		}
		rows = append(rows, []cell{plain(r.Name), value, plain(r.Origin)})
	}
	return con.table(rows)
}
