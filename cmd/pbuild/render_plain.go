package main

import (
	"io"
	"sync"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
)

// renderer shows on the error stream what a run does. Its methods may be called
// from several goroutines at once; between its making and stop nothing else may
// print, and stop leaves what it showed on the screen.
type renderer interface {
	event(event.Event) // an event.Sink
	note(line string)  // a line that stays, e.g. «first time: 80 MB to fetch»
	stop()
}

// progress begins to show a run of verb: live on a terminal, else, and with -q,
// as lines.
func (c *console) progress(verb string) renderer {
	r := report{verb: verb, quiet: c.quiet, verbose: c.verbose, again: c.again, palette: c.err.palette}
	if !c.err.tty || c.quiet {
		r.prefix = "pbuild: "
		return &plainRenderer{w: c.err.w, report: r, patience: patience, tally: tally{start: c.now()}}
	}
	r.live = true
	t := &termRenderer{out: c.err, now: c.now, report: r, tally: tally{start: c.now()}}
	t.begin()
	return t
}

// patience is how long a node waits before a line says so: every lock is waited
// for, most of them not at all.
const patience = time.Second

// plainRenderer prints a line for each transition and no cursor codes.
type plainRenderer struct {
	w        io.Writer
	report   report
	patience time.Duration

	mu    sync.Mutex // guards what follows and keeps what belongs to one event together
	tally tally
	waits []*time.Timer
	ended bool
}

func (p *plainRenderer) event(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, c := p.tally.add(e)
	if c.state && e.State == event.Waiting {
		since := n.since
		p.waits = append(p.waits, time.AfterFunc(p.patience, func() { p.stillWaiting(n, since) }))
	}
	p.print(p.report.text(&p.tally, n, c, e))
}

// stillWaiting tells of a node that has waited for longer than most, and not for
// something else meanwhile.
func (p *plainRenderer) stillWaiting(n *node, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.state == event.Waiting && n.since.Equal(since) && !p.ended && !p.report.quiet {
		p.print(p.report.line(&p.tally, n))
	}
}

func (p *plainRenderer) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.report.quiet {
		p.print(p.report.prefix + escapeLine(line) + "\n")
	}
}

func (p *plainRenderer) print(s string) {
	if s != "" {
		io.WriteString(p.w, s)
	}
}

func (p *plainRenderer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, t := range p.waits {
		t.Stop()
	}
}
