package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpVerb prints the list of verbs, or what one verb does.
func helpVerb(con *console) *cli.Command {
	return &cli.Command{
		Name:        "help",
		Usage:       "list the verbs, or explain one",
		ArgsUsage:   "[VERB…]",
		Description: examples("pbuild help", "pbuild help store gc"),
		Action: func(c *cli.Context) error {
			return showHelp(con, c.App, c.Args().Slice())
		},
	}
}

// showHelp prints the help of the verb that words name.
func showHelp(con *console, app *cli.App, words []string) error {
	line, err := arrange(app, words)
	if err != nil {
		return err
	}
	if len(line.args) > 0 {
		return line.usage(line.helpLine(), "no verb %q", line.args[0])
	}
	var b strings.Builder
	switch {
	case line.verb == nil:
		writeAppHelp(&b, app)
	case len(line.verb.Subcommands) > 0:
		writeGroupHelp(&b, line)
	default:
		writeVerbHelp(&b, app, line)
	}
	return con.print(b.String())
}

func writeAppHelp(b *strings.Builder, app *cli.App) {
	fmt.Fprintf(b, "pbuild: %s\n\nusage: pbuild VERB [flags] [arguments]\n\n", app.Usage)
	var rows [][2]string
	for _, v := range app.Commands {
		name := v.Name
		if len(v.Subcommands) > 0 {
			name += " " + strings.Join(verbNames(v.Subcommands), "|")
		} else if v.ArgsUsage != "" {
			name += " " + v.ArgsUsage
		}
		rows = append(rows, [2]string{name, v.Usage})
	}
	writeRows(b, rows)
	b.WriteString("\nEvery verb takes, before or after its arguments:\n\n")
	writeRows(b, flagRows(app.Flags))
	b.WriteString("\nExit codes: 0 done, 1 error, 2 usage, 3 a build failed, 5 verification failed,\n130 interrupted. «pbuild help VERB» shows examples.\n")
}

func writeGroupHelp(b *strings.Builder, line command) {
	fmt.Fprintf(b, "%s: %s\n\n", line.typed(), line.verb.Usage)
	var rows [][2]string
	for _, v := range line.verb.Subcommands {
		rows = append(rows, [2]string{strings.TrimSpace(v.Name + " " + v.ArgsUsage), v.Usage})
	}
	writeRows(b, rows)
	fmt.Fprintf(b, "\n%s", line.verb.Description)
}

func writeVerbHelp(b *strings.Builder, app *cli.App, line command) {
	usage := strings.TrimSpace(line.typed() + " [flags] " + line.verb.ArgsUsage)
	fmt.Fprintf(b, "%s: %s\n\nusage: %s\n\n%s", line.typed(), line.verb.Usage, usage, line.verb.Description)
	var own []cli.Flag
	for _, f := range line.verb.Flags {
		if findFlag(app.Flags, dashed(f.Names()[0])) == nil {
			own = append(own, f)
		}
	}
	if len(own) > 0 {
		b.WriteString("\nflags:\n\n")
		writeRows(b, flagRows(own))
	}
	b.WriteString("\nflags of every verb:\n\n")
	writeRows(b, flagRows(app.Flags))
}

// flagRows returns a row for each flag: its names with the value, and its use.
// The value's name stands in the usage between back quotes, as in package flag.
func flagRows(flags []cli.Flag) (rows [][2]string) {
	for _, f := range flags {
		d := f.(cli.DocGenerationFlag)
		usage, value := d.GetUsage(), ""
		if before, rest, ok := strings.Cut(usage, "`"); ok {
			name, after, _ := strings.Cut(rest, "`")
			usage, value = before+name+after, " "+name
		}
		var names []string
		for _, n := range f.Names() {
			names = append(names, dashed(n))
		}
		slices.SortFunc(names, func(a, b string) int { return len(a) - len(b) })
		rows = append(rows, [2]string{strings.Join(names, ", ") + value, usage})
	}
	return rows
}

func writeRows(b *strings.Builder, rows [][2]string) {
	wide := 0
	for _, r := range rows {
		wide = max(wide, textWidth(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(b, "  %s  %s\n", pad(r[0], wide), r[1])
	}
}

// examples is the part of a verb's help that shows lines to type.
func examples(lines ...string) string {
	return "examples:\n\n  " + strings.Join(lines, "\n  ") + "\n"
}
