package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
)

// frameTime is the least time between two frames.
const frameTime = 100 * time.Millisecond

// termRenderer keeps a live area at the bottom of what was printed: a line for
// each node in which something happens, and the counters. Lines that stay go
// above it.
//
// The cursor is hidden only within the one write of a frame and stands on the
// line below the area otherwise, so a killed process leaves a usable terminal.
// The size is asked for at each tick, which is what a SIGWINCH handler would do.
type termRenderer struct {
	out    stream
	now    func() time.Time
	report report
	quit   chan struct{}
	ended  chan struct{}

	mu         sync.Mutex // guards what follows
	tally      tally
	above      strings.Builder // lines that stay, not yet printed
	dirty      bool
	drawn      []int // columns of each line of the area on the screen
	drawnAt    time.Time
	cols, rows int
}

func (t *termRenderer) begin() {
	t.quit, t.ended = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(t.ended)
		tick := time.NewTicker(frameTime)
		defer tick.Stop()
		for {
			select {
			case <-t.quit:
				return
			case <-tick.C:
				t.draw(false)
			}
		}
	}()
}

func (t *termRenderer) event(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, c := t.tally.add(e)
	t.above.WriteString(t.report.text(&t.tally, n, c, e))
	t.dirty = true
}

func (t *termRenderer) note(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.above.WriteString(escapeLine(line) + "\n")
	t.dirty = true
}

// stop draws what is left to draw and ends the ticking.
func (t *termRenderer) stop() {
	close(t.quit)
	<-t.ended
	t.draw(true)
}

// draw writes a frame when something changed, or a second has passed.
func (t *termRenderer) draw(last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	cols, rows := t.out.size()
	idle := !t.dirty && cols == t.cols && rows == t.rows && now.Sub(t.drawnAt) < time.Second
	if idle && !last {
		return
	}
	t.cols, t.rows = cols, rows
	if frame := t.frame(now); frame != "" {
		io.WriteString(t.out.w, frame)
	}
	t.dirty, t.drawnAt = false, now
}

// frame returns the bytes that replace the area on the screen: over the old one
// line by line, so that nothing flickers.
func (t *termRenderer) frame(now time.Time) string {
	area := t.area(now)
	if t.above.Len() == 0 && len(area) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\x1b[?25l")
	if up := t.drawnRows(); up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
	}
	b.WriteString(strings.ReplaceAll(t.above.String(), "\n", "\x1b[K\n"))
	t.above.Reset()
	t.drawn = t.drawn[:0]
	for i, line := range area {
		t.drawn = append(t.drawn, textWidth(line))
		if i == len(area)-1 && t.tally.failed > 0 {
			line = t.report.bad(line)
		}
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J\x1b[?25h")
	return b.String()
}

// drawnRows returns how many rows the area on the screen takes at the present
// width: a terminal that became narrower has wrapped its lines.
func (t *termRenderer) drawnRows() (n int) {
	for _, w := range t.drawn {
		n += max(1, (w+t.cols-1)/t.cols)
	}
	return min(n, t.rows-1)
}

// area returns the lines of the live area, each narrower than the terminal, and
// together lower than it.
func (t *termRenderer) area(now time.Time) (lines []string) {
	if len(t.tally.order) == 0 {
		return nil
	}
	running := t.tally.running()
	name, format := 0, 0
	for _, n := range t.tally.order {
		name, format = max(name, textWidth(escapeLine(n.Name))), max(format, textWidth(escapeLine(n.Format)))
	}
	shown, room := running, t.rows-2
	if len(shown) > room {
		shown = shown[:max(0, room-1)]
	}
	for _, n := range shown {
		line := fmt.Sprintf("  %s  %s  %s", pad(escapeLine(n.Name), name), pad(escapeLine(n.Format), format), n.live(now))
		lines = append(lines, truncate(strings.TrimRight(line, " "), t.cols-1))
	}
	if more := len(running) - len(shown); more > 0 && room > 0 {
		lines = append(lines, truncate(fmt.Sprintf("  … and %d more", more), t.cols-1))
	}
	return append(lines, truncate(fmt.Sprintf(" %d/%d · %d running · %d failed · %s", t.tally.done, len(t.tally.order),
		len(running), t.tally.failed, clockText(now.Sub(t.tally.start))), t.cols-1))
}

// live returns what a line of the area says of the node: what is done, for how
// long or how far and how fast, and the step.
func (n *node) live(now time.Time) string {
	since, step := sinceText(now.Sub(n.since)), escapeLine(n.step)
	switch n.state {
	case event.Waiting:
		return fmt.Sprintf("%-9s %6s  %s", "wait", since, step)
	case event.Fetching:
		return fmt.Sprintf("%-9s %s", "fetch", n.bytes(now))
	case event.Storing:
		return fmt.Sprintf("%-9s %s", "store", n.bytes(now))
	case event.Unpacking:
		return fmt.Sprintf("%-9s %s", "unpack", n.bytes(now))
	case event.Configuring:
		return fmt.Sprintf("%-9s %6s  %s", "configure", since, step)
	case event.Building:
		return fmt.Sprintf("%-9s %6s  %s", "build", since, step)
	}
	return fmt.Sprintf("%-9s %6s  %s", escapeLine(string(n.state)), since, step) // a state of a later version
}

// bytes returns how far a transfer is and how fast.
func (n *node) bytes(now time.Time) string {
	out := sizeText(n.done)
	if n.total > 0 {
		out = sizeOf(n.done, n.total)
	}
	if v, ok := n.rate.perSecond(now); ok {
		out += "  " + sizeText(int64(v)) + "/s"
	}
	return out
}
