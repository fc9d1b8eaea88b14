package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
)

// screen is a renderer on a terminal of 60 by 10 whose clock and frames the test
// moves.
type screen struct {
	*termRenderer
	out        bytes.Buffer
	clock      time.Time
	cols, rows int
}

func newScreen(verbose bool) *screen {
	s := &screen{clock: begin, cols: 60, rows: 10}
	s.termRenderer = &termRenderer{
		out:    stream{w: &s.out, tty: true, size: func() (int, int) { return s.cols, s.rows }},
		now:    func() time.Time { return s.clock },
		report: report{verb: "realize", live: true, verbose: verbose},
		tally:  tally{start: begin},
	}
	return s
}

// frameAt draws at s seconds after begin and returns what was written.
func (s *screen) frameAt(sec float64) string {
	s.clock = begin.Add(time.Duration(sec * float64(time.Second)))
	s.out.Reset()
	s.draw(false)
	return s.out.String()
}

func TestTerm(t *testing.T) {
	s, told := newScreen(false), story()
	check := func(sec float64, events int, want string) {
		t.Helper()
		for range events {
			s.event(told[0])
			told = told[1:]
		}
		if d := cmp.Diff(want, s.frameAt(sec)); d != "" {
			t.Fatalf("at %v s (-want +got)\n%s", sec, d)
		}
	}
	check(0, 0, "")
	check(0.1, 4, "\x1b[?25l"+
		" 1/3 · 0 running · 0 failed · 0:00\x1b[K\n"+
		"\x1b[J\x1b[?25h")
	check(1.5, 1, "\x1b[?25l\r\x1b[1A"+
		"  fuel-library  deb  fetch     0.0/8.4 MB  0 B/s\x1b[K\n"+
		" 1/3 · 1 running · 0 failed · 0:01\x1b[K\n"+
		"\x1b[J\x1b[?25h")
	check(2, 1, "\x1b[?25l\r\x1b[2A"+
		"  fuel-library  deb  fetch     3.1/8.4 MB  3.1 MB/s\x1b[K\n"+
		" 1/3 · 1 running · 0 failed · 0:02\x1b[K\n"+
		"\x1b[J\x1b[?25h")
	check(2.9, 0, "") // nothing happened, and no second has passed
	check(5, 3, "\x1b[?25l\r\x1b[2A"+
		"  fuel-web      rpm  build         2s  %install: install \\…\x1b[K\n"+
		"  fuel-library  deb  build         2s  dh_install\x1b[K\n"+
		" 1/3 · 2 running · 0 failed · 0:05\x1b[K\n"+
		"\x1b[J\x1b[?25h")
	check(9, 1, "\x1b[?25l\r\x1b[3A"+
		"[2/3] fuel-library deb: built 6.3s (patch refs/changes/12/2212/3)\x1b[K\n"+
		"  fuel-web      rpm  build         6s  %install: install \\…\x1b[K\n"+
		" 2/3 · 1 running · 0 failed · 0:09\x1b[K\n"+
		"\x1b[J\x1b[?25h")
	check(41, 1, "\x1b[?25l\r\x1b[2A"+
		"[3/3] fuel-web rpm: FAILED 38.2s\x1b[K\n"+
		strings.ReplaceAll(failedWeb, "\n", "\x1b[K\n")+
		" 3/3 · 0 running · 1 failed · 0:41\x1b[K\n"+
		"\x1b[J\x1b[?25h")
}

// A terminal that was made narrower has wrapped the area; as many rows are gone
// over as it takes now, and never more than the terminal has.
func TestTermResize(t *testing.T) {
	s := newScreen(false)
	for _, e := range story()[:9] {
		s.event(e)
	}
	s.frameAt(5)
	s.cols = 30 // 59, 48 and 34 columns: two rows each
	want := "\x1b[?25l\r\x1b[6A" +
		"  fuel-web      rpm  build  …\x1b[K\n" +
		"  fuel-library  deb  build  …\x1b[K\n" +
		" 1/3 · 2 running · 0 failed …\x1b[K\n" +
		"\x1b[J\x1b[?25h"
	if d := cmp.Diff(want, s.frameAt(5)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	s.cols, s.rows = 60, 3
	want = "\x1b[?25l\r\x1b[2A" +
		"  … and 2 more\x1b[K\n" +
		" 1/3 · 2 running · 0 failed · 0:05\x1b[K\n" +
		"\x1b[J\x1b[?25h"
	if d := cmp.Diff(want, s.frameAt(5)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestTermColours(t *testing.T) {
	s := newScreen(true)
	s.report.on = true
	for _, e := range story()[3:4] {
		s.event(e)
	}
	s.event(at(1, event.Event{Node: web, State: event.Failed, Err: errors.New("no \x1b[0m\nroute")}))
	want := "\x1b[?25l" +
		"[1/1] fuel-ostf rpm: \x1b[2mcached\x1b[0m\x1b[K\n" +
		"[2/2] fuel-web rpm: \x1b[1;31mFAILED 0.0s\x1b[0m\x1b[K\n" +
		"\x1b[1;31mpbuild:\x1b[0m realize fuel-web: no \\x1b[0m\x1b[K\nroute\x1b[K\n" +
		"\x1b[1;31m 2/2 · 0 running · 1 failed · 0:01\x1b[0m\x1b[K\n" +
		"\x1b[J\x1b[?25h"
	if d := cmp.Diff(want, s.frameAt(1)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// The ticking goroutine draws at most ten times a second and ends with stop,
// which draws what is left and leaves it on the screen.
func TestTermTicks(t *testing.T) {
	w := &writes{}
	con := &console{err: stream{w: w, tty: true, size: func() (int, int) { return 80, 24 }}, now: time.Now}
	r := con.progress("realize")
	started := time.Now()
	for time.Since(started) < 350*time.Millisecond {
		r.event(event.Event{Time: time.Now(), Node: web, State: event.Fetching, Done: time.Since(started).Nanoseconds()})
		time.Sleep(time.Millisecond)
	}
	r.event(event.Event{Time: time.Now(), Node: web, State: event.Built, Seconds: 1})
	r.stop()
	n := len(w.all)
	if n < 2 || n > 5 {
		t.Errorf("%d frames in 0.35 s", n)
	}
	if last := w.all[n-1]; !strings.Contains(last, "built 1.0s") || !strings.HasSuffix(last, "\x1b[J\x1b[?25h") {
		t.Errorf("last frame %q", last)
	}
	for _, f := range w.all {
		if strings.Count(f, "\x1b[?25l") != 1 || strings.Count(f, "\x1b[?25h") != 1 {
			t.Errorf("frame leaves the cursor hidden: %q", f)
		}
	}
}

// writes keeps each write apart; the renderer makes one at a time.
type writes struct{ all []string }

func (w *writes) Write(p []byte) (int, error) {
	w.all = append(w.all, string(p))
	return len(p), nil
}
