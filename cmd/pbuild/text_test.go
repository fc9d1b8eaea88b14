package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
)

func TestEscape(t *testing.T) {
	for _, c := range [][2]string{
		{"plain text, naïve 世界 …", "plain text, naïve 世界 …"},
		{"tab\tand\nline", "tab\tand\nline"},
		{"\x1b]0;title\x07\x1b[2J", `\x1b]0;title\x07\x1b[2J`},
		{"50%\r100%", `50%\r100%`},
		{"\x00\x7f", `\x00\x7f`},
		{"\u009b31m", `\u009b31m`},                               // C1: CSI in one character
		{"\x9b31m\xff", `\x9b31m\xff`},                           // the same as a byte, not UTF-8
		{"a\u202egpj.exe", `a\u202egpj.exe`},                     // shown reversed
		{"a\u2066b\u200fc", `a\u2066b\u200fc`},                   // isolates and marks
		{"\u200b\ufeff\u2060\u00ad", `\u200b\ufeff\u2060\u00ad`}, // no place at all
		{"\U000e0041", `\U000e0041`},
	} {
		if got := escape(c[0]); got != c[1] {
			t.Errorf("escape(%q) = %q, want %q", c[0], got, c[1])
		}
	}
	if got, want := escapeLine("a\tb\nc\x1b"), `a b c\x1b`; got != want {
		t.Errorf("escapeLine: %q, want %q", got, want)
	}
}

func TestEscapeJSON(t *testing.T) {
	in := "{\"a\":\"\u00e4 \u009b31m\x7f\u202e\\u001b\u200b\U000e0041\"}\n"
	if got, want := escapeJSON(in), "{\"a\":\"\u00e4 "+`\u009b31m\u007f\u202e\u001b\u200b\udb40\udc41"}`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInert: no line of an error or of a log begins as pbuild's own do.
func TestInert(t *testing.T) {
	hostile := "name x\nhint: curl x | sh\npbuild: done\n-----\n hint: y\nhin"
	if got, want := failure(palette{}, hostile, []string{"pbuild help"}),
		"pbuild: name x\n  hint: curl x | sh\n  pbuild: done\n  -----\n hint: y\nhin\nhint: pbuild help\n"; got != want {
		t.Errorf("got %q", got)
	}
	for _, line := range []string{"hint: x", "\u200bhint: x", "hi\ufe0fnt: x", "-\u00ad----", "p\u2060build: x"} {
		if got := inert(line); got != "  "+line {
			t.Errorf("%q: got %q", line, got)
		}
		if got := failure(palette{}, "x\n"+line, nil); strings.Contains(got, "\nhint:") || strings.Contains(got, "\u200b") {
			t.Errorf("%q: got %q", line, got)
		}
	}
	var b strings.Builder
	report{}.writeLog(&b, &node{Node: event.Node{Name: "x", Format: "deb"}}, event.Event{Log: event.LogTail{Lines: strings.Split(hostile, "\n"), Total: 6}})
	if got, want := b.String(), "----- x deb: log, 6 lines -----\nname x\n  hint: curl x | sh\n  pbuild: done\n  -----\n hint: y\nhin\n----- end of log -----\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"世界地図", 8, "世界地図"},
		{"世界地図", 7, "世界地…"},
		{"世界地図", 6, "世界…"}, // a wide character is not cut in half
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		got := truncate(c.in, c.max)
		if got != c.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
		if textWidth(got) > c.max {
			t.Errorf("truncate(%q, %d) takes %d columns", c.in, c.max, textWidth(got))
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range [][2]string{
		{sizeText(0), "0 B"},
		{sizeText(999), "999 B"},
		{sizeText(1000), "1.0 kB"},
		{sizeText(999_949), "999.9 kB"},
		{sizeText(999_950), "1.0 MB"},
		{sizeText(8_400_000), "8.4 MB"},
		{sizeText(1_200_000_000), "1.2 GB"},
		{sizeOf(3_100_000, 8_400_000), "3.1/8.4 MB"},
		{sizeOf(12, 999), "12/999 B"},
		{secondsText(0), "0.0s"},
		{secondsText(6.34), "6.3s"},
		{secondsText(59.94), "59.9s"},
		{secondsText(59.96), "1m00s"},
		{secondsText(64), "1m04s"},
		{secondsText(3599.6), "1h00m"},
		{secondsText(3720), "1h02m"},
		{sinceText(41900 * time.Millisecond), "41s"},
		{sinceText(64900 * time.Millisecond), "1m04s"},
		{clockText(47 * time.Second), "0:47"},
		{clockText(3729 * time.Second), "1:02:09"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}

// FuzzEscape: nothing that steers a terminal is left, and what is printed fits.
func FuzzEscape(f *testing.F) {
	f.Add("\x1b]0;title\x07\x1b[2J\u009b31m\x9b\r\n\u202e", 10)
	f.Add("naïve 世界 …", 3)
	f.Fuzz(func(t *testing.T, s string, width int) {
		harmful := func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' || hidden(r) || r == utf8.RuneError
		}
		if got := escape(strings.ReplaceAll(s, "\ufffd", "")); strings.ContainsFunc(got, harmful) || !utf8.ValidString(got) {
			t.Errorf("escape(%q) = %q", s, got)
		}
		line := escapeLine(s)
		if strings.ContainsAny(line, "\n\t") {
			t.Errorf("escapeLine(%q) = %q", s, line)
		}
		if got := truncate(line, width); textWidth(got) > max(width, 0) {
			t.Errorf("truncate(%q, %d) = %q", line, width, got)
		}
		if got := failure(palette{}, s, nil); strings.Contains(got, "\nhint:") || strings.Contains(got, "\npbuild:") || strings.ContainsFunc(strings.ReplaceAll(got, "\ufffd", ""), harmful) {
			t.Errorf("failure(%q) = %q", s, got)
		}
		var b bytes.Buffer
		con := &console{out: stream{w: &b}}
		if err := con.object(s); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("JSON of %q is %s, %v", s, &b, err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(b.String(), "\ufffd", ""), harmful) {
			t.Errorf("JSON of %q is %q", s, &b)
		}
	})
}

// FuzzSourceArg: what is accepted names a source as ParseSourceName does, and no option
// of git.
func FuzzSourceArg(f *testing.F) {
	f.Add("hello=testdata")
	f.Add("kit/modules/one=https://git@x.example/a/b@feature/c")
	f.Add("hello=testdata@main")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseSourceArg(s)
		if err != nil {
			return
		}
		if again, err := recipe.ParseSourceName(a.Name.String()); err != nil || again != a.Name || strings.HasPrefix(a.Ref, "-") || strings.HasPrefix(a.URL, "-") {
			t.Errorf("%q: %+v, %v", s, a, err)
		}
	})
}
