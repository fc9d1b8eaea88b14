package event_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/fuel-infra/pbuild/internal/event"
)

// TestTail: the last forty lines, however the output was cut into writes.
func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-z\t ]{0,6}`), 0, 100).Draw(t, "lines"), "\n")
		var steps []string
		tail := event.NewTail(func(s string) { steps = append(steps, s) })
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "write")
			if got, err := io.WriteString(tail, rest[:n]); got != n || err != nil {
				t.Fatalf("wrote %d of %d, %v", got, n, err)
			}
			rest = rest[n:]
		}
		var lines, want []string
		for l := range strings.Lines(text) {
			lines = append(lines, strings.TrimSuffix(l, "\n"))
			if s := strings.TrimSpace(strings.ReplaceAll(l, "\t", " ")); s != "" {
				want = append(want, s)
			}
		}
		last := lines[max(0, len(lines)-40):]
		got := tail.Last([]string{"make"})
		if !slices.Equal(got.Lines, last) || got.Total != len(lines) || !slices.Equal(got.Command, []string{"make"}) {
			t.Errorf("got %q of %d, want %q of %d", got.Lines, got.Total, last, len(lines))
		}
		if !slices.Equal(steps, want) {
			t.Errorf("steps %q, want %q", steps, want)
		}
	})
}

// TestTailLimits: a line without an end costs no memory, and Last may be called
// again.
func TestTailLimits(t *testing.T) {
	tail := event.NewTail(nil)
	for range 1000 {
		io.WriteString(tail, strings.Repeat("x", 1000))
	}
	io.WriteString(tail, "\nnext")
	first := tail.Last(nil)
	if first.Total != 2 || len(first.Lines) != 2 || first.Lines[0] != strings.Repeat("x", 2000) || first.Lines[1] != "next" {
		t.Errorf("%d lines, the first of %d bytes, then %q", first.Total, len(first.Lines[0]), first.Lines[1:])
	}
	io.WriteString(tail, "more\n")
	if got := tail.Last(nil); !slices.Equal(got.Lines[1:], []string{"next", "more"}) || got.Total != 3 {
		t.Errorf("later: %q", got.Lines[1:])
	}
	if len(first.Lines) != 2 {
		t.Error("what was returned changed")
	}
}

// TestTailTogether: two writers at once lose no line.
func TestTailTogether(t *testing.T) {
	tail := event.NewTail(func(string) {})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 500 {
				fmt.Fprintf(tail, "line %d\n", i)
			}
		})
	}
	all.Wait()
	if got := tail.Last(nil); got.Total != 2000 || len(got.Lines) != 40 {
		t.Errorf("%d lines, %d kept", got.Total, len(got.Lines))
	}
}

// TestPlain: nothing that acts on a terminal gets through.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"  plain\ttext  ":                  "plain text",
		"10%\r20%\r100%\r":                 "100%",
		"50%\rdone":                        "done",
		"\x1b[31mred\x1b[0m":               "[31mred[0m",
		"\x1b]0;title\a":                   "]0;title",
		"a\x00b\x7fc\u009bd":               "abcd",
		"left\u202eright\u2066\u200b":      "leftright",
		"größer → 日本":                      "größer → 日本",
		"not UTF-8: \xff\xfe":              "not UTF-8: \ufffd\ufffd",
		"\u00a0\u2028\u2029":               "",
		"a line\vwith\ffeeds\bback":        "a linewithfeedsback",
		strings.Repeat("\x1b[2J", 2) + "x": "[2J[2Jx",
	} {
		if got := event.Plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestFinal: which states end a node.
func TestFinal(t *testing.T) {
	for s, want := range map[event.State]bool{
		event.Queued: false, event.Waiting: false, event.Fetching: false, event.Unpacking: false, event.Configuring: false,
		event.Storing: false, event.Building: false, event.Cached: true, event.Built: true, event.Ready: true, event.Failed: true,
	} {
		if s.Final() != want {
			t.Errorf("%s: final %v", s, s.Final())
		}
	}
}

// FuzzTail: what is kept and told of a program's output is bounded, and what is told can't
// steer a terminal.
func FuzzTail(f *testing.F) {
	f.Add([]byte("a\r\n\x1b[2Jb\tc\n\xff"), 3)
	f.Fuzz(func(t *testing.T, out []byte, cut int) {
		tail := event.NewTail(func(line string) {
			if line == "" || len(line) > 3*2000 || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("step %q", line)
			}
		})
		cut = min(max(cut, 0), len(out))
		tail.Write(out[:cut])
		tail.Write(out[cut:])
		last := tail.Last(nil)
		if len(last.Lines) > 40 || last.Total < len(last.Lines) {
			t.Errorf("%d lines of %d", len(last.Lines), last.Total)
		}
		for _, line := range last.Lines {
			if len(line) > 2000 || strings.Contains(line, "\n") {
				t.Errorf("line %q", line)
			}
		}
	})
}
