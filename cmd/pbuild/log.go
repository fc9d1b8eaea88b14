package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func logVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "log",
		Usage:       "print the log of the newest build",
		ArgsUsage:   "NAME",
		Description: examples("pbuild log hello", "pbuild log hello --format deb | less"),
		Flags:       []cli.Flag{formatFlag()},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1, "NAME"); err != nil {
				return err
			}
			s, err := openStore(c, con)
			if err != nil {
				return fmt.Errorf("log: %w", err)
			}
			defer s.Close()
			if err := showLog(con, s, c.Args().First(), c.String("format")); err != nil {
				return fmt.Errorf("log %w", err)
			}
			return nil
		},
	}
}

// logged is what «log --json» prints.
type logged struct {
	Recipe string        `json:"recipe"`
	Format string        `json:"format"`
	Key    digest.Key    `json:"key"`
	Log    digest.Digest `json:"log"`
	Path   string        `json:"path"`
}

// showLog prints the log of the newest realization of name. Errors begin with
// the name.
func showLog(con *console, s *store.Store, name, format string) error {
	all, err := s.Realizations()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	picked, err := pick(all, name, format)
	if err != nil {
		return err
	}
	if len(picked) > 1 {
		return &usageError{msg: fmt.Sprintf("log %s: built as %s and %s: which?", name, picked[0].Format, picked[1].Format),
			hint: fmt.Sprintf("pbuild log %s --format %s", name, picked[0].Format)}
	}
	r := picked[0]
	if con.json {
		return con.object(logged{r.Recipe, r.Format, r.Key, r.Log, s.BlobPath(r.Log)})
	}
	b, err := s.OpenBlob(r.Log)
	if err != nil {
		return fmt.Errorf("%s: log: %w", name, err)
	}
	defer b.Close()
	if err := con.copy(b); err != nil {
		return fmt.Errorf("%s: log: %w", name, err)
	}
	return nil
}
