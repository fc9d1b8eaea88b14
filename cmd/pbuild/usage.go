package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/recipe"
)

// usageError is a command line that says nothing that could be run.
type usageError struct {
	msg  string
	hint string // what to type instead
}

func (e *usageError) Error() string { return e.msg }

// takes returns the check of a verb that wants at least and at most so many
// arguments, which errors call what, and may have a flag --format.
func takes(least, most int, what string) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if err := arguments(c, least, most, what); err != nil {
			return err
		}
		_, err := formatOf(c)
		return err
	}
}

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

// formatOf returns what --format says, empty when it is not given.
func formatOf(c *cli.Context) (recipe.Format, error) {
	if !c.IsSet("format") {
		return "", nil
	}
	f, err := recipe.ParseFormat(c.String("format"))
	if err != nil {
		return "", &usageError{msg: typedVerb(c) + ": --format: " + err.Error(), hint: "pbuild help " + typedVerb(c)}
	}
	return f, nil
}

// ofName is the action of a verb that takes a NAME, --format and sources.
func ofName(con *console, do func(c *cli.Context, at places, format recipe.Format) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		format, err := formatOf(c)
		if err != nil {
			return err
		}
		at, err := placesWith(c, con)
		if err != nil {
			return err
		}
		return do(c, at, format)
	}
}

// namesOrAll wants either names or --all.
func namesOrAll(c *cli.Context, names []string, all bool) error {
	verb := typedVerb(c)
	switch {
	case len(names) == 0 && !all:
		return &usageError{msg: verb + ": NAME or --all is missing", hint: "pbuild help " + verb}
	case len(names) > 0 && all:
		return &usageError{msg: fmt.Sprintf("%s: --all and %q exclude each other", verb, names[0]), hint: "pbuild help " + verb}
	}
	return nil
}
