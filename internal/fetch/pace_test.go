package fetch

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	var least, most time.Duration
	for round := range forFiles().broken - 1 {
		base := min(500*time.Millisecond<<round, 16*time.Second)
		lo, hi := time.Hour, time.Duration(0)
		for range 1000 {
			d := pause(round)
			lo, hi = min(lo, d), max(hi, d)
		}
		if lo < base*3/4 || hi >= base*5/4 {
			t.Errorf("round %d: %s to %s, want %s, a quarter more or less", round, lo, hi, base)
		}
		if hi-lo < base/4 {
			t.Errorf("round %d: %s to %s: no jitter", round, lo, hi)
		}
		least, most = least+base*3/4, most+base*5/4
	}
	if least < 30*time.Second || most > time.Minute {
		t.Errorf("pauses of %s to %s together: want over half a minute and under one", least, most)
	}
	if d := pause(1000); d > 20*time.Second {
		t.Errorf("round 1000: %s", d)
	}
}

func TestPatience(t *testing.T) {
	p := forFiles()
	for _, tc := range []struct {
		k     kind
		tries int
		since time.Duration
		want  bool
	}{
		{gone, 1, 0, true},
		{refused, 1, 0, true},
		{mismatch, 1, 0, true},
		{noRoute, 1, 0, true},
		{busy, 4, time.Hour, false},
		{busy, 5, 0, true},
		{broken, 3, time.Hour, false},
		{broken, 4, 45 * time.Second, false},
		{broken, 4, 46 * time.Second, true},
		{broken, 7, 45 * time.Second, false},
		{broken, 8, 0, true},
	} {
		if got := p.spent(tc.k, tc.tries, tc.since); got != tc.want {
			t.Errorf("kind %d after %d tries in %s: spent is %v", tc.k, tc.tries, tc.since, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Mon, 23 Nov 2026 16:00:00 GMT"
	for _, tc := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{"-1", "", 0},
		{"1.5", "", 0},
		{"99999999999999999999", "", 0},
		{"Mon, 23 Nov 2026 16:00:09 GMT", date, 9 * time.Second},
		{"Mon, 23 Nov 2026 15:00:00 GMT", date, 0},
		{"an hour ago", "no date", 0}, // against our own clock
	} {
		h := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
		if tc.date == "no date" {
			h.Set("Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		}
		if got := retryAfter(h); got != tc.want {
			t.Errorf("%q at %q: %s, want %s", tc.value, tc.date, got, tc.want)
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sleep(ctx, time.Hour); err != context.Canceled {
		t.Error(err)
	}
	begun := time.Now()
	if err := sleep(t.Context(), 20*time.Millisecond); err != nil || time.Since(begun) < 20*time.Millisecond {
		t.Error(err, time.Since(begun))
	}
}
