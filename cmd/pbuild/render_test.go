package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
)

var (
	web     = event.Node{Name: "fuel-web", Format: "rpm"}
	library = event.Node{Name: "fuel-library", Format: "deb"}
	ostf    = event.Node{Name: "fuel-ostf", Format: "rpm"}
	begin   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// at returns e as it happens s seconds after begin.
func at(s float64, e event.Event) event.Event {
	e.Time = begin.Add(time.Duration(s * float64(time.Second)))
	return e
}

// story is a run in which one node is cached, one is built and one fails.
func story() []event.Event {
	return []event.Event{
		at(0, event.Event{Node: web, State: event.Queued}),
		at(0, event.Event{Node: library, State: event.Queued}),
		at(0, event.Event{Node: ostf, State: event.Queued}),
		at(0, event.Event{Node: ostf, State: event.Cached}),
		at(1, event.Event{Node: library, State: event.Fetching, Total: 8_400_000}),
		at(2, event.Event{Node: library, State: event.Fetching, Done: 3_100_000, Total: 8_400_000}),
		at(3, event.Event{Node: library, State: event.Building, Step: "dh_install"}),
		at(3, event.Event{Node: web, State: event.Building}),
		at(4, event.Event{Node: web, State: event.Building, Step: "%install: install \x1b[1m-m 0755"}),
		at(9, event.Event{Node: library, State: event.Built, Seconds: 6.31, Step: "patch refs/changes/12/2212/3"}),
		at(41, event.Event{
			Node: web, State: event.Failed, Seconds: 38.2,
			Err: errors.New("rpm: %install exited 1"),
			Log: event.LogTail{
				Command: []string{"rpmbuild", "-bb", "specs/nailgun.spec"},
				Lines:   []string{"+ install -m 0755 shotgun", "\x1b[31mno such file\x1b[0m\r"}, Total: 212,
			},
		}),
	}
}

// failedWeb is how the story's failure is shown, after the FAILED line.
const failedWeb = `----- fuel-web rpm: log, last 2 of 212 lines -----
+ install -m 0755 shotgun
\x1b[31mno such file\x1b[0m
----- whole log: pbuild log fuel-web --format rpm -----
pbuild: realize fuel-web: rpm: %install exited 1: rpmbuild -bb specs/nailgun.spec
`

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		name           string
		quiet, verbose bool
		want           string
	}{
		{name: "plain", want: `pbuild: first time: 80 MB to fetch
pbuild: [1/3] fuel-ostf rpm: cached
pbuild: [1/3] fuel-library deb: fetching 8.4 MB
pbuild: [1/3] fuel-library deb: building
pbuild: [1/3] fuel-web rpm: building
pbuild: [2/3] fuel-library deb: built 6.3s (patch refs/changes/12/2212/3)
pbuild: [3/3] fuel-web rpm: FAILED 38.2s
` + failedWeb},
		{name: "quiet", quiet: true, want: "pbuild: [3/3] fuel-web rpm: FAILED 38.2s\n" + failedWeb},
		{name: "verbose", verbose: true, want: `pbuild: first time: 80 MB to fetch
pbuild: [0/1] fuel-web rpm: queued
pbuild: [0/2] fuel-library deb: queued
pbuild: [0/3] fuel-ostf rpm: queued
pbuild: [1/3] fuel-ostf rpm: cached
pbuild: [1/3] fuel-library deb: fetching 8.4 MB
pbuild: [1/3] fuel-library deb: building
pbuild: [1/3] fuel-library deb: dh_install
pbuild: [1/3] fuel-web rpm: building
pbuild: [1/3] fuel-web rpm: %install: install \x1b[1m-m 0755
pbuild: [2/3] fuel-library deb: built 6.3s (patch refs/changes/12/2212/3)
pbuild: [3/3] fuel-web rpm: FAILED 38.2s
` + failedWeb},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			con := &console{err: stream{w: &out}, now: time.Now, quiet: c.quiet, verbose: c.verbose}
			r := con.progress("realize")
			r.note("first time: 80 MB to fetch")
			for _, e := range story() {
				r.event(e)
			}
			r.stop()
			if d := cmp.Diff(c.want, out.String()); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// Every lock is waited for; a line says so only when it takes long. What an
// interruption ended is not shown as a failure.
func TestPlainWaiting(t *testing.T) {
	var out lockedBuffer
	p := &plainRenderer{w: &out, report: report{verb: "realize", prefix: "pbuild: "}, patience: 20 * time.Millisecond}
	p.event(at(0, event.Event{Node: web, State: event.Waiting}))
	p.event(at(0, event.Event{Node: web, State: event.Building}))
	p.event(at(0, event.Event{Node: library, State: event.Waiting}))
	want := "pbuild: [0/1] fuel-web rpm: building\npbuild: [0/2] fuel-library deb: waiting for another pbuild\n"
	for range 500 {
		if len(out.String()) >= len(want) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.event(at(1, event.Event{Node: library, State: event.Failed, Err: fmt.Errorf("lock: %w", context.Canceled)}))
	p.event(at(1, event.Event{Node: ostf, State: event.Waiting}))
	p.stop()
	time.Sleep(3 * p.patience)
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// lockedBuffer may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

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
