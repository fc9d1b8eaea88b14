package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
)

// junit makes of a run's events the report that CI servers read: JUnit XML, as
// its common schema has it (junit-team's «open test reporting» calls it legacy
// XML): one testsuite, a testcase for each derivation. None is ever «skipped»:
// what was stopped is an error, so that nobody takes it for done.
type junit struct {
	begun time.Time
	again repeated

	mu    sync.Mutex // guards all below
	order []event.Node
	last  map[event.Node]event.Event
}

func newJUnit(begun time.Time, again repeated) *junit {
	return &junit{begun: begun, again: again, last: map[event.Node]event.Event{}}
}

// event is an event.Sink. Builder images are no derivations.
func (j *junit) event(e event.Event) {
	if e.Node.Format == builder.Format {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	last, ok := j.last[e.Node]
	if !ok {
		j.order = append(j.order, e.Node)
	}
	if !last.State.Final() {
		j.last[e.Node] = e
	}
}

type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`      // seconds
	Timestamp string      `xml:"timestamp,attr"` // UTC, without a zone
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"` // seconds
	Failure *junitTrouble `xml:"failure"`
	Error   *junitTrouble `xml:"error"`
}

type junitTrouble struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",cdata"` // lines stay lines, for people who look
}

// report returns the report of a run that ended at now; nil when it knew of no
// derivation.
func (j *junit) report(now time.Time) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.order) == 0 {
		return nil, nil
	}
	suite := junitSuite{
		Name: "pbuild", Tests: len(j.order), Time: junitSeconds(now.Sub(j.begun).Seconds()),
		Timestamp: j.begun.UTC().Format("2006-01-02T15:04:05"),
	}
	for _, n := range j.order {
		e := j.last[n]
		one := junitCase{Class: escapeLine(n.Format), Name: escapeLine(n.Name), Time: junitSeconds(e.Seconds)}
		switch {
		case !e.State.Final(), errors.Is(e.Err, context.Canceled):
			one.Error = &junitTrouble{Message: "stopped before it was done", Type: "stopped"}
			suite.Errors++
		case e.State == event.Failed:
			one.Failure = junitFailure(e, j.again)
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, one)
	}
	body, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("--junit: %w", err)
	}
	return []byte(xml.Header + string(body) + "\n"), nil
}

func junitSeconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// junitFailure says why a derivation failed, and how its log ended.
func junitFailure(e event.Event, again repeated) *junitTrouble {
	why := errorWithCommand(e)
	f := &junitTrouble{Message: xmlText(why), Type: "error"}
	if failureCode(e.Err) == exitBuildFailed {
		f.Type = "build"
	}
	var b strings.Builder
	b.WriteString(why + "\n")
	if len(e.Log.Lines) > 0 {
		fmt.Fprintf(&b, "\nlog, last %d of %d lines:\n", len(e.Log.Lines), e.Log.Total)
		for _, line := range e.Log.Lines {
			b.WriteString(strings.TrimRight(line, "\r\n") + "\n")
		}
	}
	if errors.As(e.Err, new(*realize.BuildError)) {
		fmt.Fprintf(&b, "\nwhole log: %s\n", escapeLine(again.line("log", e.Node.Name, "--format", e.Node.Format)))
	}
	f.Text = xmlText(b.String())
	return f
}

// xmlText makes text of a build such that XML 1.0 (section 2.2) can hold it, which
// has no way to write most control characters: they are escaped as for a
// terminal.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, escape(s))
}
