package event_test

import (
	"bufio"
	"bytes"
	"encoding/json"
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
	begin = time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("CET", 3600))
	hello = event.Node{Name: "hello", Format: "deb"}
)

// TestStream: the exact lines, each event one, whatever a build printed.
func TestStream(t *testing.T) {
	var out writes
	s := event.NewStream(&out, begin)
	for _, e := range []event.Event{
		{Time: begin, Node: hello, State: event.Queued},
		{Time: begin.Add(1500 * time.Millisecond), Node: hello, State: event.Fetching, Done: 310, Total: 840},
		{Time: begin.Add(2 * time.Second), Node: hello, State: event.Building, Step: "größer\u2028 \x00\"\xff"},
		{Time: begin.Add(3 * time.Second), Node: hello, State: event.Built, Seconds: 1.25},
		{
			Time: begin.Add(4 * time.Second), Node: hello, State: event.Failed, Seconds: 38.2,
			Err: errors.New("make: exited 2\n<second line>"), Log: event.LogTail{Lines: []string{"not here"}},
		},
	} {
		s.Event(e)
	}
	want := []string{
		`{"pbuild-events":1,"time":"2026-11-23T12:00:00Z"}`,
		`{"time":"2026-11-23T12:00:00Z","name":"hello","format":"deb","state":"queued"}`,
		`{"time":"2026-11-23T12:00:01.5Z","name":"hello","format":"deb","state":"fetching","done":310,"total":840}`,
		`{"time":"2026-11-23T12:00:02Z","name":"hello","format":"deb","state":"building","step":"größer\u2028 \u0000\"\ufffd"}`,
		`{"time":"2026-11-23T12:00:03Z","name":"hello","format":"deb","state":"built","seconds":1.25}`,
		`{"time":"2026-11-23T12:00:04Z","name":"hello","format":"deb","state":"failed","seconds":38.2,"error":"make: exited 2\n<second line>"}`,
	}
	if d := cmp.Diff(want, out.lines); d != "" || s.Err() != nil {
		t.Errorf("%v %s", s.Err(), d)
	}
}

// writes keeps what each Write got, without its end of line.
type writes struct{ lines []string }

func (w *writes) Write(p []byte) (int, error) {
	w.lines = append(w.lines, strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// TestStreamTogether: lines of many goroutines do not mix.
func TestStreamTogether(t *testing.T) {
	var out bytes.Buffer
	s := event.NewStream(&out, begin)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 250 {
				s.Event(event.Event{Time: begin, Node: event.Node{Name: fmt.Sprint(i)}, State: event.Building})
			}
		})
	}
	all.Wait()
	n := 0
	for lines := bufio.NewScanner(&out); lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			t.Errorf("line %q", lines.Text())
		}
	}
	if n != 1001 {
		t.Errorf("%d lines", n)
	}
}

// full takes so many writes, then none.
type full struct{ room, tried int }

var errFull = errors.New("no space")

func (f *full) Write(p []byte) (int, error) {
	if f.tried++; f.tried > f.room {
		return 0, errFull
	}
	return len(p), nil
}

// TestStreamFull: the first error stays, and nothing is written after it.
func TestStreamFull(t *testing.T) {
	w := &full{room: 2}
	s := event.NewStream(w, begin)
	for range 5 {
		s.Event(event.Event{Node: hello, State: event.Queued})
	}
	if !errors.Is(s.Err(), errFull) || w.tried != 3 {
		t.Errorf("%v after %d writes", s.Err(), w.tried)
	}
}
