package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
)

// tally is what the events of a run add up to.
type tally struct {
	start  time.Time
	nodes  map[event.Node]*node
	order  []*node // as they appeared
	done   int     // in a final state, failed ones included
	failed int
	told   map[string]bool // why nodes failed, in words
}

// node is where one node stands.
type node struct {
	event.Node
	state   event.State
	since   time.Time // when the state began
	step    string
	done    int64
	total   int64
	seconds float64 // final states
	rate    rate
}

// change says what an event brought; false: nothing that is shown.
type change struct{ state, step bool }

// add takes one event in. An event after the node's final one changes nothing.
func (t *tally) add(e event.Event) (*node, change) {
	n := t.nodes[e.Node]
	if n == nil {
		if t.nodes == nil {
			t.nodes = map[event.Node]*node{}
		}
		n = &node{Node: e.Node}
		t.nodes[e.Node] = n
		t.order = append(t.order, n)
	}
	if n.state.Final() {
		return n, change{}
	}
	if e.State == event.Failed && errors.Is(e.Err, context.Canceled) {
		n.state = event.Queued // stopped by people or by --fail-fast: neither done nor at fault
		return n, change{}
	}
	var c change
	if e.State != n.state {
		c.state = true
		n.state, n.since, n.step, n.rate = e.State, e.Time, "", rate{}
	}
	if e.Step != "" && e.Step != n.step {
		n.step, c.step = e.Step, true
	}
	n.done, n.total, n.seconds = e.Done, e.Total, e.Seconds
	if e.State == event.Fetching || e.State == event.Storing {
		n.rate.add(e.Time, e.Done)
	}
	if e.State.Final() {
		t.done++
	}
	if e.State == event.Failed {
		t.failed++
	}
	return n, c
}

// running returns the nodes in which something happens, as they appeared.
func (t *tally) running() (out []*node) {
	for _, n := range t.order {
		if n.state != event.Queued && !n.state.Final() {
			out = append(out, n)
		}
	}
	return out
}

// tell reports whether why a node failed was not told yet: both formats of a recipe
// want one source.
func (t *tally) tell(why string) bool {
	if t.told[why] {
		return false
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[why] = true
	return true
}

// count returns "[11/13]": nodes that came to an end, and all that are known.
func (t *tally) count() string { return fmt.Sprintf("[%d/%d]", t.done, len(t.order)) }

// phrase returns what a line that stays says of the node's state.
func (n *node) phrase() string {
	more := ""
	if n.step != "" {
		more = " (" + escapeLine(n.step) + ")"
	}
	switch n.state {
	case event.Fetching, event.Unpacking, event.Storing:
		if n.total > 0 {
			return string(n.state) + " " + sizeText(n.total)
		}
	case event.Waiting:
		return strings.TrimSpace("waiting " + escapeLine(n.step))
	case event.Cached:
		return "cached" + more
	case event.Built:
		return "built " + secondsText(n.seconds) + more
	case event.Failed:
		return "FAILED " + secondsText(n.seconds)
	}
	return string(n.state)
}

// rateSpan is how far a rate looks back: long enough to be steady, short enough
// to show a stall.
const rateSpan = 3 * time.Second

// rate is the speed of a growing number over the last rateSpan.
type rate struct {
	samples []sample // oldest first; the first may be older than rateSpan
}

type sample struct {
	at time.Time
	n  int64
}

func (r *rate) add(at time.Time, n int64) {
	if len(r.samples) > 0 && n < r.samples[len(r.samples)-1].n {
		r.samples = r.samples[:0] // begun again, e.g. at another mirror
	}
	// Thirty samples a span are enough; a newer one inside a slot is skipped but
	// for its value.
	if k := len(r.samples); k > 1 && at.Sub(r.samples[k-2].at) < rateSpan/30 {
		r.samples[k-1] = sample{at, n}
		return
	}
	r.samples = append(r.samples, sample{at, n})
	for len(r.samples) > 2 && at.Sub(r.samples[1].at) >= rateSpan {
		r.samples = r.samples[1:]
	}
}

// perSecond returns the speed at now; false while it is too early to tell.
func (r *rate) perSecond(now time.Time) (float64, bool) {
	if len(r.samples) == 0 {
		return 0, false
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	for _, s := range r.samples {
		if now.Sub(s.at) >= rateSpan {
			first = s
		}
	}
	span := now.Sub(first.at)
	if span < time.Second/2 {
		return 0, false
	}
	return float64(last.n-first.n) / span.Seconds(), true
}
