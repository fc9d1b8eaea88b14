package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
)

// report words what stays of events.
type report struct {
	verb           string // for errors: "pbuild: VERB NAME: …"
	prefix         string // of each line
	quiet, verbose bool
	live           bool // a live area shows the passing states
	again          repeated
	palette
}

// text returns the lines that stay of e, which brought change c to node n; ""
// for none.
func (r report) text(t *tally, n *node, c change, e event.Event) string {
	var b strings.Builder
	switch {
	case c.state && e.State == event.Failed:
		b.WriteString(r.line(t, n))
		r.writeLog(&b, n, e)
		if e.Err == nil {
			break
		}
		if why := failure(r.palette, r.verb+" "+n.Name+": "+errorWithCommand(e), nodeHints(r.verb, e, r.again)); t.tell(why) || len(e.Log.Lines) > 0 {
			b.WriteString(why)
		}
	case r.quiet:
	case c.state && r.stays(e.State):
		b.WriteString(r.line(t, n))
	}
	if c.step && r.verbose && !e.State.Final() {
		b.WriteString(r.head(t, n) + escapeLine(n.step) + "\n")
	}
	return b.String()
}

// line returns what the node has come to, e.g. «[2/3] hello deb: built 2.1s».
func (r report) line(t *tally, n *node) string {
	phrase := n.phrase()
	switch n.state {
	case event.Built:
		phrase = r.good(phrase)
	case event.Cached:
		phrase = r.dim(phrase)
	case event.Failed:
		phrase = r.bad(phrase)
	}
	return r.head(t, n) + phrase + "\n"
}

func (r report) head(t *tally, n *node) string {
	return fmt.Sprintf("%s%s %s %s: ", r.prefix, t.count(), escapeLine(n.Name), escapeLine(n.Format))
}

// stays says which transitions leave a line at once.
func (r report) stays(s event.State) bool {
	switch {
	case s == event.Waiting:
		return false // most locks are free
	case r.verbose:
		return true
	case r.live:
		return s == event.Built
	}
	return s != event.Queued
}

// writeLog writes the end of a failed node's log, and where the whole is; only a
// package's build has one that is kept.
func (r report) writeLog(b *strings.Builder, n *node, e event.Event) {
	log := e.Log
	if len(log.Lines) == 0 {
		return
	}
	which := plural(len(log.Lines), "line")
	if log.Total > len(log.Lines) {
		which = fmt.Sprintf("last %d of %d lines", len(log.Lines), log.Total)
	}
	name, format := escapeLine(n.Name), escapeLine(n.Format)
	b.WriteString(r.dim(fmt.Sprintf("----- %s %s: log, %s -----", name, format, which)) + "\n")
	for _, line := range log.Lines {
		b.WriteString(inert(escape(strings.TrimRight(line, "\r\n"))) + "\n")
	}
	end := "----- end of log -----"
	if build := new(realize.BuildError); errors.As(e.Err, &build) {
		end = fmt.Sprintf("----- whole log: %s -----", escapeLine(r.again.line("log", n.Name, "--format", n.Format)))
	}
	b.WriteString(r.dim(end) + "\n")
}

// errorWithCommand returns why a node failed, with the program that ended with
// an error unless the words name it already.
func errorWithCommand(e event.Event) string {
	msg, command := e.Err.Error(), strings.Join(e.Log.Command, " ")
	if command == "" || strings.Contains(msg, command) {
		return msg
	}
	return msg + ": " + command
}
