package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
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
			Err: &realize.BuildError{Step: "rpmbuild", Err: errors.New("rpm: %install exited 1")},
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
hint: pbuild shell fuel-web --format rpm --failed
hint: pbuild realize fuel-web --keep-failed
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
	want := "pbuild: [0/1] fuel-web rpm: building\npbuild: [0/2] fuel-library deb: waiting\n"
	for range 500 {
		if len(out.String()) >= len(want) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.event(at(1, event.Event{Node: library, State: event.Failed, Err: fmt.Errorf("lock: %w", context.Canceled)}))
	if p.tally.done != 0 || p.tally.failed != 0 || len(p.tally.running()) != 1 {
		t.Errorf("after an interruption: %+v", p.tally)
	}
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

// The log of an image is not kept, so nothing is said of where it is.
func TestImageLog(t *testing.T) {
	r, told := report{verb: "realize"}, tally{}
	e := event.Event{
		Node: event.Node{Name: "debian-12-base", Format: "image"}, State: event.Failed,
		Log: event.LogTail{Lines: []string{"dpkg: error"}, Total: 1},
	}
	n, c := told.add(e)
	want := "[1/1] debian-12-base image: FAILED 0.0s\n----- debian-12-base image: log, 1 line -----\ndpkg: error\n----- end of log -----\n"
	if d := cmp.Diff(want, r.text(&told, n, c, e)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
