package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/fuel-infra/pbuild/store/digest"
)

// console is where people and scripts read: the answer on out, all else on err.
// Only it and the renderers print.
type console struct {
	out, err stream
	env      func(string) string
	now      func() time.Time

	json, quiet, verbose bool

	again  repeated    // what hints repeat of the command line
	worker *workerSide // set in a process that works for root
}

// stream is one of the two outputs.
type stream struct {
	w    io.Writer
	tty  bool                    // a terminal that understands cursor codes
	size func() (cols, rows int) // of the terminal, now
	palette
}

// newConsole looks at what the outputs are; colour is as for --color auto.
func newConsole(out, err *os.File, env func(string) string) *console {
	c := &console{out: newStream(out, env), err: newStream(err, env), env: env, now: time.Now}
	c.colour("auto")
	return c
}

func newStream(f *os.File, env func(string) string) stream {
	fd := int(f.Fd())
	return stream{
		w:   f,
		tty: term.IsTerminal(fd) && env("TERM") != "dumb",
		size: func() (int, int) {
			cols, rows, err := term.GetSize(fd)
			if err != nil || cols < 1 || rows < 1 {
				return 80, 24 // a terminal that does not tell, such as a serial line
			}
			return cols, rows
		},
	}
}

// apply takes over the flags that every verb has.
func (c *console) apply(ctx *cli.Context) error {
	c.json, c.quiet, c.verbose = ctx.Bool("json"), ctx.Bool("quiet"), ctx.Bool("verbose")
	if c.quiet && c.verbose {
		return &usageError{msg: typedVerb(ctx) + ": flags -q and -v exclude each other"}
	}
	if when := ctx.String("color"); !c.colour(when) {
		return &usageError{msg: fmt.Sprintf("%s: flag --color: %q: want auto, always or never", typedVerb(ctx), when)}
	}
	return nil
}

// colour sets when to colour; false: when is not one of the three words. The
// flag is stronger than NO_COLOR (no-color.org), which counts when not empty.
func (c *console) colour(when string) bool {
	for _, s := range []*stream{&c.out, &c.err} {
		switch when {
		case "auto":
			s.on = s.tty && c.env("NO_COLOR") == ""
		case "always":
			s.on = true
		case "never":
			s.on = false
		default:
			return false
		}
	}
	return true
}

// palette colours text, or leaves it as it is.
type palette struct{ on bool }

func (p palette) sgr(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) bad(s string) string  { return p.sgr("1;31", s) }
func (p palette) good(s string) string { return p.sgr("32", s) }
func (p palette) dim(s string) string  { return p.sgr("2", s) }

// cell is a field of an answer: as people read it on a terminal, and in full.
type cell struct{ human, exact string }

func plain(s string) cell             { return cell{s, s} }
func digestCell(d digest.Digest) cell { return cell{d.Short(), d.String()} }

// table prints rows of an answer: aligned on a terminal, else tab-separated.
func (c *console) table(rows [][]cell) error {
	var b strings.Builder
	var wide []int
	for _, row := range rows {
		for i, f := range row {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], textWidth(escapeLine(f.human)))
		}
	}
	for _, row := range rows {
		var fields []string
		for i, f := range row {
			if c.out.tty {
				fields = append(fields, pad(escapeLine(f.human), wide[i]))
			} else {
				fields = append(fields, escapeLine(f.exact))
			}
		}
		if c.out.tty {
			b.WriteString(strings.TrimRight(strings.Join(fields, "  "), " ") + "\n")
		} else {
			b.WriteString(strings.Join(fields, "\t") + "\n")
		}
	}
	return c.print(b.String())
}

// headed is table with a line above that names the columns, on a terminal.
func (c *console) headed(names []string, rows [][]cell) error {
	if c.out.tty && len(rows) > 0 {
		var head []cell
		for _, name := range names {
			head = append(head, plain(name))
		}
		rows = append([][]cell{head}, rows...)
	}
	return c.table(rows)
}

// print prints text of pbuild's own as it is.
func (c *console) print(text string) error {
	_, err := io.WriteString(c.out.w, text)
	return err
}

// copy prints a build's log: on a terminal with control characters escaped, else
// byte for byte.
func (c *console) copy(r io.Reader) error {
	if !c.out.tty {
		_, err := io.Copy(c.out.w, r)
		return err
	}
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(c.out.w, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		out.WriteString(escape(strings.ReplaceAll(string(line), "\r\n", "\n")))
		if err != nil && err != bufio.ErrBufferFull {
			if err == io.EOF {
				err = nil
			}
			return errors.Join(err, out.Flush())
		}
	}
}

// object prints one object of a JSON answer on a line of its own. Of what escape
// escapes, JSON has to have only C0 written so.
func (c *console) object(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return c.print(escapeJSON(b.String()))
}

// say prints one line of an answer for people; scripts read the table alone, so
// off a terminal and with --json it goes to err, and -q leaves it out there.
func (c *console) say(format string, a ...any) {
	line := escape(fmt.Sprintf(format, a...)) + "\n"
	switch {
	case c.out.tty && !c.json:
		io.WriteString(c.out.w, line)
	case !c.quiet:
		io.WriteString(c.err.w, "pbuild: "+line)
	}
}

// fail prints the error that ended the run, with hints.
func (c *console) fail(err error, code int) {
	var shown *exitError
	if errors.As(err, &shown) && shown.err == nil {
		return
	}
	if code == exitInterrupted {
		io.WriteString(c.err.w, "pbuild: interrupted\n")
		return
	}
	c.trouble(err.Error(), hints(err, c.again)...)
}

// trouble prints an error and its hints.
func (c *console) trouble(msg string, hints ...string) {
	io.WriteString(c.err.w, failure(c.err.palette, msg, hints))
}

// failure returns the lines of an error and of its hints.
func failure(p palette, msg string, hints []string) string {
	var b strings.Builder
	first, more, _ := strings.Cut(escape(strings.TrimRight(msg, "\n")), "\n")
	fmt.Fprintf(&b, "%s %s\n", p.bad("pbuild:"), first)
	for line := range strings.Lines(more) {
		b.WriteString(inert(strings.TrimSuffix(line, "\n")) + "\n")
	}
	for _, h := range hints {
		if h == "" {
			continue
		}
		fmt.Fprintf(&b, "%s %s\n", p.dim("hint:"), escape(h))
	}
	return b.String()
}
