package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape makes text of a build safe to print: control characters (C0 but tab
// and line feed, DEL, C1), characters that reorder what is shown or take no place, and
// bytes that are not UTF-8 are written as Go escapes, so that nothing steers the
// terminal, and no two texts look the same.
func escape(s string) string {
	clean := true
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] < utf8.RuneSelf && (s[i] >= ' ' && s[i] != 0x7f || s[i] == '\t' || s[i] == '\n')
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\t' || r == '\n':
			b.WriteRune(r)
		case r == '\r':
			b.WriteString(`\r`)
		case r < utf8.RuneSelf && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff && hidden(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case unicode.IsControl(r) || hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

// escapeJSON is escape for JSON text, whose strings alone can hold such characters.
func escapeJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r > 0xffff && hidden(r):
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r != '\n' && unicode.IsControl(r) || hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escapeLine is escape for text that must stay on one line.
func escapeLine(s string) string {
	s = escape(s)
	if !strings.ContainsAny(s, "\t\n") {
		return s
	}
	return strings.NewReplacer("\t", " ", "\n", " ").Replace(s)
}

// inert indents a line that others wrote where it begins as pbuild's own do: what a
// build prints, or the name of a file, is no hint to be typed.
func inert(line string) string {
	shown := strings.Map(func(r rune) rune {
		if runeWidth(r) == 0 || hidden(r) {
			return -1
		}
		return r
	}, line)
	for _, own := range []string{"pbuild:", "hint:", "-----"} {
		if strings.HasPrefix(shown, own) {
			return "  " + line
		}
	}
	return line
}

// hidden reports whether r is seen only by what it does: to the direction of what
// follows (Unicode Standard Annex 9), to where a line breaks, or nothing at all, as a
// zero-width space.
func hidden(r rune) bool { return unicode.Is(unicode.Cf, r) || r == 0x2028 || r == 0x2029 }

// wide holds the ranges that take two columns: Unicode's East Asian Width W and
// F, and the pictographs that terminals draw double.
var wide = [...][2]rune{
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x23e9, 0x23ec},
	{0x2614, 0x2615},
	{0x26a1, 0x26a1},
	{0x2705, 0x2705},
	{0x274c, 0x274c},
	{0x2e80, 0x303e},
	{0x3041, 0x33ff},
	{0x3400, 0x4dbf},
	{0x4e00, 0x9fff},
	{0xa000, 0xa4cf},
	{0xa960, 0xa97c},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f900, 0x1f9ff},
	{0x20000, 0x3fffd},
}

// runeWidth returns the columns that r takes: 0, 1 or 2.
func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	for _, w := range wide {
		if r >= w[0] && r <= w[1] {
			return 2
		}
	}
	return 1
}

// textWidth returns the columns that s takes; s holds no control characters.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// truncate shortens s to at most max columns; the last one is then «…».
func truncate(s string, max int) string {
	if max <= 0 {
		return ""
	}
	if textWidth(s) <= max {
		return s
	}
	n := 0
	for i, r := range s {
		if n+runeWidth(r) > max-1 {
			return s[:i] + "…"
		}
		n += runeWidth(r)
	}
	return s
}

// pad fills s with spaces up to n columns.
func pad(s string, n int) string {
	if w := textWidth(s); w < n {
		return s + strings.Repeat(" ", n-w)
	}
	return s
}
