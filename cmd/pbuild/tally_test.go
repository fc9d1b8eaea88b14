package main

import (
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
)

func TestTallyFinal(t *testing.T) {
	var told tally
	told.add(at(0, event.Event{Node: web, State: event.Built, Seconds: 2}))
	n, c := told.add(at(1, event.Event{Node: web, State: event.Building, Step: "late"}))
	if c != (change{}) || n.state != event.Built || n.seconds != 2 {
		t.Errorf("after the final event: %+v, %+v", n, c)
	}
	told.add(at(2, event.Event{Node: web, State: event.Failed}))
	if got := told.count(); got != "[1/1]" || told.failed != 0 {
		t.Errorf("%s, %d failed", got, told.failed)
	}
}

func TestRate(t *testing.T) {
	var r rate
	now := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	for i := range 101 { // 10 s at 1 MB/s, ten samples a second
		r.add(now(float64(i)/10), int64(i)*100_000)
	}
	for _, c := range []struct {
		at, want float64
	}{{10, 1e6}, {11.5, 0.5e6}, {13, 0}, {60, 0}} { // a stall shows within the span
		if got, ok := r.perSecond(now(c.at)); !ok || got != c.want {
			t.Errorf("at %v s: %v %v, want %v", c.at, got, ok, c.want)
		}
	}
	if len(r.samples) > 33 {
		t.Errorf("%d samples kept", len(r.samples))
	}
	r.add(now(61), 10) // begun again
	if _, ok := r.perSecond(now(61.2)); ok {
		t.Error("a rate from a fifth of a second")
	}
}
