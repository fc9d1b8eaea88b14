package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/config"
	"github.com/fuel-infra/pbuild/store"
)

// settings resolves the configuration for a verb.
func settings(c *cli.Context, con *console) (*config.Config, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working directory: %w", err)
	}
	flags := config.Flags{
		Store:   c.String("store"),
		Config:  c.String("config"),
		Recipes: c.String("recipes"),
	}
	host := config.Host{Env: con.env, Dir: dir, Root: os.Geteuid() == 0, Files: os.DirFS("/")}
	return config.Resolve(flags, host)
}

// openStore opens the store that flags and configuration name; the caller closes
// it.
func openStore(c *cli.Context, con *console) (*store.Store, error) {
	conf, err := settings(c, con)
	if err != nil {
		return nil, err
	}
	return store.Open(conf.Store.Value)
}

// arguments checks how many arguments a verb got; what names them in errors.
func arguments(c *cli.Context, least, most int, what string) error {
	n := c.Args().Len()
	hint := "pbuild help " + typedVerb(c)
	switch {
	case n < least:
		return &usageError{msg: fmt.Sprintf("%s: %s is missing", typedVerb(c), what), hint: hint}
	case n > most && most == 0:
		return &usageError{msg: fmt.Sprintf("%s: takes no arguments, got %q", typedVerb(c), c.Args().First()), hint: hint}
	case n > most:
		return &usageError{msg: fmt.Sprintf("%s: one argument too many: %q", typedVerb(c), c.Args().Get(most)), hint: hint}
	}
	return nil
}

// typedVerb returns the words of the verb that runs, e.g. "store ls".
func typedVerb(c *cli.Context) string {
	words := c.Command.Name
	for _, up := range c.Lineage()[1:] {
		if up.Command == nil || up.Command.Name == "pbuild" || up.Command.Name == "" {
			break
		}
		words = up.Command.Name + " " + words
	}
	return words
}
