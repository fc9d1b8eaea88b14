package recipe

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Field is one line of a derivation's text: a name and one or more values. The
// same name may stand in several lines.
type Field struct {
	Name   string   // lower case letters, e.g. source
	Values []string // e.g. main, tree, sha256:…
}

// maxText bounds a derivation's text, in bytes.
const maxText = 1 << 20

func header() string { return fmt.Sprintf("pbuild derivation %d\n", DerivationFormat) }

func printFields(fields []Field) []byte {
	var b bytes.Buffer
	b.WriteString(header())
	for _, f := range fields {
		b.WriteString(f.Name)
		for _, v := range f.Values {
			b.WriteByte(' ')
			quote(&b, v)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// ParseDerivation reads a derivation's text into its fields, whatever their
// names, so that two texts can be compared. It accepts the canonical form only:
// a text that is accepted is what its fields print as.
func ParseDerivation(text []byte) ([]Field, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("derivation: %d bytes: more than %d", len(text), maxText)
	}
	rest, ok := strings.CutPrefix(string(text), header())
	if !ok {
		first, _, _ := strings.Cut(string(text[:min(len(text), 80)]), "\n")
		return nil, fmt.Errorf("derivation: line 1: %q: want %q", first, strings.TrimSuffix(header(), "\n"))
	}
	var out []Field
	for n := 2; rest != ""; n++ {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return nil, fmt.Errorf("derivation: line %d: ends without a newline", n)
		}
		f, err := parseField(line)
		if err != nil {
			return nil, fmt.Errorf("derivation: line %d: %w", n, err)
		}
		out, rest = append(out, f), after
	}
	return out, nil
}

func parseField(line string) (Field, error) {
	name, rest, _ := strings.Cut(line, " ")
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		return Field{}, fmt.Errorf("field %q: want lower case letters", name)
	}
	f := Field{Name: name}
	for {
		v, after, err := unquote(rest)
		if err != nil {
			return Field{}, fmt.Errorf("field %s: %w", name, err)
		}
		f.Values = append(f.Values, v)
		if after == "" {
			return f, nil
		}
		if after[0] != ' ' {
			return Field{}, fmt.Errorf("field %s: want a space between values", name)
		}
		rest = after[1:]
	}
}

const hexDigits = "0123456789abcdef"

// quote writes a value by a rule that no version of Go or Unicode changes: \"
// and \\ for these two, \n for a newline, \xHH for other bytes below 0x20, for
// 0x7f and for bytes that are no UTF-8; all else as it is.
func quote(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c == 0x7f || r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	b.WriteByte('"')
}

// unquote reads the value at the beginning of s and returns what follows it.
func unquote(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", fmt.Errorf("want a quoted value")
	}
	var b []byte
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			var again bytes.Buffer
			quote(&again, string(b))
			if again.String() != s[:i+1] {
				return "", "", fmt.Errorf("value %s: not quoted by the rule", s[:i+1])
			}
			return string(b), s[i+1:], nil
		case s[i] != '\\':
			b = append(b, s[i])
		case strings.HasPrefix(s[i:], `\n`):
			b = append(b, '\n')
			i++
		case strings.HasPrefix(s[i:], `\"`), strings.HasPrefix(s[i:], `\\`):
			b = append(b, s[i+1])
			i++
		case strings.HasPrefix(s[i:], `\x`) && i+3 < len(s):
			high, low := strings.IndexByte(hexDigits, s[i+2]), strings.IndexByte(hexDigits, s[i+3])
			if high < 0 || low < 0 {
				return "", "", fmt.Errorf("unknown escape %q", s[i:i+4])
			}
			b = append(b, byte(high<<4|low))
			i += 3
		default:
			return "", "", fmt.Errorf("unknown escape")
		}
	}
	return "", "", fmt.Errorf("value without an end")
}
