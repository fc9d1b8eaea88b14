package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
)

// suite is what readers of JUnit XML take from a report: the attributes that the
// common schemas require, and nothing else may stand there.
type suite struct {
	XMLName xml.Name   `xml:"testsuite"`
	Attrs   []xml.Attr `xml:",any,attr"`
	Cases   []struct {
		Attrs    []xml.Attr `xml:",any,attr"`
		Failures []trouble  `xml:"failure"`
		Errors   []trouble  `xml:"error"`
		Others   []struct{} `xml:",any"`
	} `xml:"testcase"`
	Others []struct{} `xml:",any"`
}

type trouble struct {
	Attrs []xml.Attr `xml:",any,attr"`
	Text  string     `xml:",chardata"`
}

func attrs(all []xml.Attr) (s string) {
	for _, a := range all {
		s += fmt.Sprintf("%s=%q ", a.Name.Local, a.Value)
	}
	return s
}

// flat returns a report as lines, when it is well-formed and has nothing that
// readers don't know.
func flat(t *testing.T, report []byte) (lines []string) {
	t.Helper()
	var s suite
	d := xml.NewDecoder(bytes.NewReader(report)) // strict: characters that XML can't hold are errors
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) && err != nil {
		t.Errorf("after the report: %v", err)
	}
	lines = append(lines, "suite "+attrs(s.Attrs))
	for _, c := range s.Cases {
		lines = append(lines, "case "+attrs(c.Attrs))
		for _, f := range c.Failures {
			lines = append(lines, "failure "+attrs(f.Attrs)+f.Text)
		}
		for _, f := range c.Errors {
			lines = append(lines, "error "+attrs(f.Attrs)+f.Text)
		}
		if len(c.Others) > 0 || len(c.Failures)+len(c.Errors) > 1 {
			t.Errorf("%s: %d others", attrs(c.Attrs), len(c.Others))
		}
	}
	if len(s.Others) > 0 {
		t.Errorf("%d unknown elements", len(s.Others))
	}
	return lines
}

func TestJUnit(t *testing.T) {
	j := newJUnit(begin, nil)
	if body, err := j.report(begin); body != nil || err != nil {
		t.Errorf("of nothing: %q, %v", body, err)
	}
	stopped, never := event.Node{Name: "stopped", Format: "deb"}, event.Node{Name: "never", Format: "rpm"}
	image := event.Node{Name: "debian-12-base", Format: "image"}
	hostile := event.Node{Name: "hostile", Format: "deb"}
	for _, e := range append(story(),
		at(41, event.Event{Node: image, State: event.Built, Seconds: 30}),
		at(42, event.Event{Node: stopped, State: event.Building}),
		at(43, event.Event{Node: stopped, State: event.Failed, Seconds: 1, Err: fmt.Errorf("x: %w", context.Canceled)}),
		at(44, event.Event{Node: never, State: event.Queued}),
		at(45, event.Event{
			Node: hostile, State: event.Failed, Err: errors.New("offline \x1b]]>\n<&\"\ufffe\xff"),
			Log: event.LogTail{Lines: []string{"\x00\x0b]]>", "\U0001f600\uffff\r"}, Total: 2},
		}),
		at(46, event.Event{Node: hostile, State: event.Built}), // after the end: nothing
	) {
		j.event(e)
	}
	body, err := j.report(begin.Add(64500 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`suite name="pbuild" tests="6" failures="2" errors="2" skipped="0" time="64.500" timestamp="2026-11-23T12:00:00" `,
		`case classname="rpm" name="fuel-web" time="38.200" `,
		`failure message="rpm: %install exited 1: rpmbuild -bb specs/nailgun.spec" type="build" rpm: %install exited 1: rpmbuild -bb specs/nailgun.spec

log, last 2 of 212 lines:
+ install -m 0755 shotgun
\x1b[31mno such file\x1b[0m

whole log: pbuild log fuel-web --format rpm
`,
		`case classname="deb" name="fuel-library" time="6.310" `,
		`case classname="rpm" name="fuel-ostf" time="0.000" `,
		`case classname="deb" name="stopped" time="1.000" `,
		`error message="stopped before it was done" type="stopped" `,
		`case classname="rpm" name="never" time="0.000" `,
		`error message="stopped before it was done" type="stopped" `,
		`case classname="deb" name="hostile" time="0.000" `,
		`failure message="offline \\x1b]]>\n<&\"` + "\ufffd" + `\\xff" type="error" offline \x1b]]>
<&"` + "\ufffd" + `\xff

log, last 2 of 2 lines:
\x00\x0b]]>
` + "\U0001f600\ufffd\n",
	}
	if d := cmp.Diff(want, flat(t, body)); d != "" {
		t.Errorf("(-want +got)\n%s\n%s", d, body)
	}
	if !strings.HasPrefix(string(body), `<?xml version="1.0" encoding="UTF-8"?>`+"\n<testsuite ") {
		t.Errorf("begins with %q", body[:60])
	}
}

// FuzzJUnit: whatever a build prints and calls itself, the report is XML.
func FuzzJUnit(f *testing.F) {
	f.Add("name", "error", "line\x00\x1b[0m")
	f.Add("\xff\ufffe", "]]>", "]]]]>><![CDATA[")
	f.Add("\ud7ff\ue000", "\u0085\u2028", "&#0;&lt;")
	f.Fuzz(func(t *testing.T, name, msg, line string) {
		j := newJUnit(begin, nil)
		j.event(event.Event{
			Node: event.Node{Name: name, Format: name}, State: event.Failed,
			Err: &realize.BuildError{Err: errors.New(msg)}, Log: event.LogTail{Lines: []string{line}, Command: []string{msg}},
		})
		body, err := j.report(begin)
		if err != nil {
			t.Fatal(err)
		}
		if name == "image" {
			return // no derivation
		}
		if lines := flat(t, body); len(lines) != 3 {
			t.Errorf("%d lines of\n%s", len(lines), body)
		}
	})
}
