package event

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Stream writes events as JSON lines (one object a line, UTF-8). The first line
// tells the version of what follows:
//
//	{"pbuild-events":1,"time":"2026-11-23T12:00:00Z"}
//	{"time":"2026-11-23T12:00:01.5Z","name":"hello","format":"deb","state":"fetching","done":310,"total":840}
//
// Times are UTC (RFC 3339). Fields that a state does not use are left out. A line
// is one Write, so that who follows the file sees whole lines.
type Stream struct {
	mu   sync.Mutex // guards all below, and keeps lines apart
	w    io.Writer
	text bytes.Buffer
	json *json.Encoder // into text
	err  error
}

// head is the first line of a stream.
type head struct {
	Version int       `json:"pbuild-events"`
	Time    time.Time `json:"time"`
}

// line is an event as a Stream writes it.
type line struct {
	Time    time.Time `json:"time"`
	Name    string    `json:"name"`
	Format  string    `json:"format"`
	State   State     `json:"state"`
	Step    string    `json:"step,omitempty"`
	Done    int64     `json:"done,omitempty"`
	Total   int64     `json:"total,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// NewStream writes the first line to w, with the time now.
func NewStream(w io.Writer, now time.Time) *Stream {
	s := &Stream{w: w}
	s.json = json.NewEncoder(&s.text)
	s.json.SetEscapeHTML(false)
	s.write(head{Version, now.UTC()})
	return s
}

// Event is a Sink. After an error of the writer nothing more is written.
func (s *Stream) Event(e Event) {
	l := line{
		Time: e.Time.UTC(), Name: e.Node.Name, Format: e.Node.Format, State: e.State,
		Step: e.Step, Done: e.Done, Total: e.Total, Seconds: e.Seconds,
	}
	if e.Err != nil {
		l.Error = e.Err.Error()
	}
	s.write(l)
}

// Err returns the first error of the writer.
func (s *Stream) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Stream) write(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.text.Reset()
	if s.err = s.json.Encode(v); s.err == nil {
		_, s.err = s.w.Write(s.text.Bytes())
	}
}
