package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/config"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func logVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:      "log",
		Usage:     "print the log of the last build",
		ArgsUsage: "NAME",
		Description: examples("pbuild log hello", "pbuild log hello --format deb | less") +
			"\nThat is the build which failed, where the recipe as it is now was tried and failed;\nelse the newest one in the store.\n",
		Flags:  append([]cli.Flag{formatFlag()}, sourceFlags()...),
		Before: takes(1, 1, "NAME"),
		Action: ofName(con, func(c *cli.Context, at places, format recipe.Format) error {
			return showLog(c.Context, con, at, c.Args().First(), format)
		}),
	}
}

// logged is a build's log, and what «log --json» prints.
type logged struct {
	Recipe string     `json:"recipe"`
	Format string     `json:"format"`
	Key    digest.Key `json:"key"`
	Failed bool       `json:"failed"`
	Path   string     `json:"path"`

	open func() (io.ReadCloser, error)
}

// showLog prints the log of the last build of name.
func showLog(ctx context.Context, con *console, at places, name string, format recipe.Format) error {
	conf, err := settings(con, at)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	s, err := store.Open(conf.Store.Value)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	defer s.Close()
	logs, err := failedLogs(ctx, con, conf, at, s, name, format)
	if err == nil && len(logs) == 0 {
		logs, err = storedLogs(s, name, format)
	}
	if err != nil {
		return fmt.Errorf("log %w", err)
	}
	if len(logs) > 1 {
		return &usageError{
			msg:  fmt.Sprintf("log %s: %s and %s: which?", name, logs[0].Format, logs[1].Format),
			hint: con.again.line("log", name, "--format", logs[0].Format),
		}
	}
	if con.json {
		return con.object(logs[0])
	}
	log, err := logs[0].open()
	if err != nil {
		return fmt.Errorf("log %s: %w", name, err)
	}
	defer log.Close()
	if err := con.copy(log); err != nil {
		return fmt.Errorf("log %s: %w", name, err)
	}
	return nil
}

// failedLogs returns the logs of builds of name that failed with the key which
// the collection gives it now. Where there is no collection, or it has no such
// recipe, or one that can't be closed, there is no such key and so no such log;
// the store may know the name all the same. Errors begin with the name.
func failedLogs(ctx context.Context, con *console, conf *config.Config, at places, s *store.Store, name string, format recipe.Format) ([]logged, error) {
	c, err := openCollection(con, conf, at)
	if err != nil {
		return nil, nil
	}
	defer c.close()
	nodes, err := c.nodes(ctx, s, name, format)
	if err != nil {
		return nil, nil
	}
	var logs []logged
	for _, n := range nodes {
		f, err := s.FailedLog(n.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f.Close()
		path := f.Name()
		logs = append(logs, logged{
			n.Recipe.Name, string(n.Format), n.Key, true, path,
			func() (io.ReadCloser, error) { return os.Open(path) },
		})
	}
	return logs, nil
}

// storedLogs returns the logs of the newest realizations of name. Errors begin
// with the name.
func storedLogs(s *store.Store, name string, format recipe.Format) ([]logged, error) {
	all, err := s.Realizations()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	picked, err := pick(all, name, string(format))
	if err != nil {
		return nil, err
	}
	var logs []logged
	for _, r := range picked {
		logs = append(logs, logged{
			r.Recipe, r.Format, r.Key, false, s.BlobPath(r.Log),
			func() (io.ReadCloser, error) { return s.OpenBlob(r.Log) },
		})
	}
	return logs, nil
}
