package event

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
)

// Limits of what a Tail keeps.
const (
	tailLines = 40
	tailWidth = 2000 // bytes of one line
)

// Tail is a writer for a program's output: it keeps the last lines for LogTail
// and tells the latest one, as a Step, to a function. Long lines are cut.
type Tail struct {
	mu    sync.Mutex
	part  []byte
	lines []string
	total int
	step  func(line string)
}

// NewTail returns a Tail that calls step, when not nil, with each line that is
// not blank, without its control characters.
func NewTail(step func(line string)) *Tail { return &Tail{step: step} }

// Write takes output; it never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	for {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		if room := tailWidth - len(t.part); room > 0 {
			t.part = append(t.part, line[:min(room, len(line))]...)
		}
		if !ended {
			return n, nil
		}
		t.add(string(t.part))
		t.part, p = t.part[:0], rest
	}
}

func (t *Tail) add(line string) {
	t.total++
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
	if t.step == nil {
		return
	}
	if step := Plain(line); step != "" {
		t.step(step)
	}
}

// Last returns what was kept; command is the program that wrote it.
func (t *Tail) Last(command []string) LogTail {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.part) > 0 {
		t.add(string(t.part))
		t.part = t.part[:0]
	}
	return LogTail{Command: command, Lines: append([]string(nil), t.lines...), Total: t.total}
}

// Plain returns a line without the control characters that could act on a
// terminal, blanks around it dropped. What a build prints is not trusted.
func Plain(line string) string {
	if i := strings.LastIndexByte(strings.TrimRight(line, "\r"), '\r'); i >= 0 {
		line = line[i+1:] // what a terminal would show: the text after the last return
	}
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, line)
	return strings.TrimSpace(line)
}
