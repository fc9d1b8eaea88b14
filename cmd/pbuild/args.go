package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// command is a command line in the one order that the flag parser reads whole:
// the words of the verb, flags as --name=value, arguments. The parser stops at
// the first argument and hands on what follows, so the order is made before it
// runs; that way an unknown flag is an error wherever it stands.
type command struct {
	verb  *cli.Command // nil: none was named
	words []string     // e.g. "store", "ls"
	flags []string
	args  []string
	help  bool // --help or -h stood somewhere
}

// argv returns the command line for the parser; program is its first word.
func (c command) argv(program string) []string {
	out := append([]string{program}, c.words...)
	out = append(out, c.flags...)
	return append(append(out, "--"), c.args...)
}

// arrange reads a command line without the program's name. The flags that every
// verb takes may stand anywhere, those of a verb anywhere after it; what follows
// "--" is arguments. Errors are *usageError.
func arrange(app *cli.App, line []string) (command, error) {
	var c command
	verbs, flags := app.Commands, app.Flags
	for i := 0; i < len(line); i++ {
		word := line[i]
		switch {
		case word == "--":
			c.args = append(c.args, line[i+1:]...)
			i = len(line)
		case len(word) > 1 && word[0] == '-':
			name, value, given := strings.Cut(word, "=")
			if name == "--help" || name == "-h" {
				c.help = true
				continue
			}
			if v := findVerb(verbs, "version"); v != nil && word == "--version" && c.verb == nil {
				// What people type at any program, here the verb of that name.
				c.verb, c.words, verbs, flags = v, []string{v.Name}, nil, v.Flags
				continue
			}
			flag := findFlag(flags, name)
			if flag == nil {
				return c, c.unknownFlag(app, verbs, flags, name)
			}
			if takesValue(flag) && !given {
				if i++; i == len(line) || strings.HasPrefix(line[i], "--") {
					return c, c.usage(name+"=VALUE", "flag %s needs a value", name)
				}
				value, given = line[i], true
			}
			if takesValue(flag) && value == "" {
				// An unset variable of a script; it must not mean «as by default».
				return c, c.usage(name+"=VALUE", "flag %s needs a value", name)
			}
			arg := "--" + flag.Names()[0]
			if given {
				arg += "=" + value
			}
			c.flags = append(c.flags, arg)
		case len(verbs) > 0:
			v := findVerb(verbs, word)
			if v == nil {
				return c, c.unknownVerb(verbs, word)
			}
			c.verb, c.words = v, append(c.words, v.Name)
			verbs = v.Subcommands
			if len(verbs) == 0 {
				flags = v.Flags
			}
		default:
			c.args = append(c.args, word)
		}
	}
	return c, nil
}

// complete returns a *usageError where the words name no verb that can run.
func (c command) complete() error {
	if c.verb == nil {
		return c.usage("pbuild help", "a verb is missing")
	}
	if len(c.verb.Subcommands) > 0 {
		return c.usage(c.helpLine(), "a word is missing: one of %s", strings.Join(verbNames(c.verb.Subcommands), ", "))
	}
	return nil
}

// typed returns what was typed of the verb, helpLine the line that explains it.
func (c command) typed() string { return strings.Join(append([]string{"pbuild"}, c.words...), " ") }

func (c command) helpLine() string {
	return strings.Join(append([]string{"pbuild", "help"}, c.words...), " ")
}

// usage returns an error of the line as far as it was read.
func (c command) usage(hint, format string, a ...any) *usageError {
	msg := fmt.Sprintf(format, a...)
	if len(c.words) > 0 {
		msg = strings.Join(c.words, " ") + ": " + msg
	}
	return &usageError{msg: msg, hint: hint}
}

func (c command) unknownVerb(verbs []*cli.Command, word string) error {
	help := c.helpLine()
	if near := yamldoc.Near(word, verbNames(verbs)); len(near) > 0 {
		help = fmt.Sprintf("did you mean %s?  %s", strings.Join(near, " or "), help)
	}
	return c.usage(help, "unknown verb %q", word)
}

// unknownFlag words the error for a flag that is none of flags, where one of
// verbs could follow.
func (c command) unknownFlag(app *cli.App, verbs []*cli.Command, flags []cli.Flag, name string) error {
	bare := strings.TrimLeft(name, "-")
	if findVerb(app.Commands, bare) != nil {
		return c.usage("pbuild "+bare, "unknown flag %s", name)
	}
	for _, v := range verbs {
		if findFlag(v.Flags, name) != nil {
			return c.usage(fmt.Sprintf("%s %s %s", c.typed(), v.Name, name), "flag %s must follow its verb", name)
		}
	}
	help := c.helpLine()
	if near := meantFlag(flags, bare); near != "" {
		help = fmt.Sprintf("did you mean %s?  %s", near, help)
	}
	return c.usage(help, "unknown flag %s", name)
}

// findFlag returns the flag written as word, "--store" or "-q", or nil.
func findFlag(flags []cli.Flag, word string) cli.Flag {
	for _, f := range flags {
		for _, n := range f.Names() {
			if word == dashed(n) {
				return f
			}
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// dashed writes a flag's name as people type it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// meantFlag returns the flag that the unknown one, without its dashes, is probably
// a slip of, or "".
func meantFlag(flags []cli.Flag, bare string) string {
	if findFlag(flags, dashed(bare)) != nil {
		return dashed(bare)
	}
	if len(bare) < 2 {
		return "" // one letter is near every other
	}
	names := []string{"help"}
	for _, f := range flags {
		names = append(names, slices.DeleteFunc(f.Names(), func(n string) bool { return len(n) < 2 })...)
	}
	if near := yamldoc.Near(bare, names); len(near) > 0 {
		return dashed(near[0])
	}
	return ""
}

func findVerb(verbs []*cli.Command, name string) *cli.Command {
	for _, v := range verbs {
		if v.HasName(name) {
			return v
		}
	}
	return nil
}

func verbNames(verbs []*cli.Command) (names []string) {
	for _, v := range verbs {
		names = append(names, v.Name)
	}
	return names
}
