package main

import (
	"testing"
	"time"
)

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
