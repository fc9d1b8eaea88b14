package deb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of control text: Debian's largest Packages file has 50 MB, its
// longest line some 30 KB.
const (
	maxControlLine  = 1 << 20
	maxControlText  = 256 << 20
	maxControlField = 1000 // fields of a paragraph
)

// Field is one field of a paragraph.
type Field struct {
	Name string // as written
	// Value is the text without blanks around it. Each continuation line
	// follows after "\n" with its leading blank, as "\n one\n .\n two".
	Value string
	Line  int // where the field begins, from 1
}

// Paragraph is one block of fields in their order; no name stands twice, without regard to case.
type Paragraph []Field

// Get returns the value of a field, "" when it is absent; names are compared
// without regard to case.
func (p Paragraph) Get(name string) string {
	f, _ := p.Lookup(name)
	return f.Value
}

// Lookup returns a field and whether it is there.
func (p Paragraph) Lookup(name string) (Field, bool) {
	for _, f := range p {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Field{}, false
}

// String returns the paragraph as deb822 text, each line with its newline,
// without an empty line after the last.
func (p Paragraph) String() string {
	var b strings.Builder
	for _, f := range p {
		b.WriteString(f.Name)
		b.WriteByte(':')
		if f.Value != "" && f.Value[0] != '\n' {
			b.WriteByte(' ')
		}
		b.WriteString(f.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

// ParseControl reads deb822 text: paragraphs of fields, parted by lines that are
// empty or blank. Lines that begin with # are comments. What it refuses, with
// the line: a field twice in a paragraph, a continuation of nothing, a name
// that deb822(5) doesn't allow, a zero byte, and (ErrLimit) lines over 1 MiB or
// text over 256 MiB. Nothing at all is no paragraphs and no error.
func ParseControl(r io.Reader) ([]Paragraph, error) {
	var all []Paragraph
	p := newParagraphs(r)
	for {
		par, err := p.next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		all = append(all, par)
	}
}

// paragraphs reads one paragraph after another.
type paragraphs struct {
	r    *bufio.Reader
	left *io.LimitedReader
	line int
	seen map[string]bool // names of the current paragraph, lower case
}

func newParagraphs(r io.Reader) *paragraphs {
	l := &io.LimitedReader{R: r, N: maxControlText + 1}
	size := 64 << 10
	if known, ok := r.(interface{ Len() int }); ok {
		size = min(size, known.Len()+1) // one debian/control of many is small
	}
	return &paragraphs{r: bufio.NewReaderSize(l, size), left: l, seen: make(map[string]bool)}
}

// next returns the next paragraph, or io.EOF.
func (p *paragraphs) next() (Paragraph, error) {
	var par Paragraph
	var value strings.Builder
	clear(p.seen)
	flush := func() {
		if len(par) > 0 {
			par[len(par)-1].Value = value.String()
		}
		value.Reset()
	}
	for {
		line, err := p.readLine()
		if err == io.EOF {
			flush()
			if len(par) == 0 {
				return nil, io.EOF
			}
			return par, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
		switch {
		case line == "":
			if len(par) > 0 {
				flush()
				return par, nil
			}
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if len(par) == 0 {
				return nil, fmt.Errorf("line %d: continues no field", p.line)
			}
			value.WriteByte('\n')
			value.WriteString(line)
		default:
			flush()
			name, rest, ok := strings.Cut(line, ":")
			if !ok || !fieldName(name) {
				return nil, fmt.Errorf("line %d: want «Field: value», got %q", p.line, short(line))
			}
			if lower := strings.ToLower(name); p.seen[lower] {
				return nil, fmt.Errorf("line %d: field %s stands twice", p.line, name)
			} else if p.seen[lower] = true; len(par) == maxControlField {
				return nil, fmt.Errorf("line %d: %w: %d fields in a paragraph", p.line, ErrLimit, maxControlField)
			}
			par = append(par, Field{Name: name, Line: p.line})
			value.WriteString(strings.TrimLeft(rest, " \t"))
		}
	}
}

// readLine returns the next line without blanks at its end, or io.EOF.
func (p *paragraphs) readLine() (string, error) {
	p.line++
	var long []byte
	for {
		part, err := p.r.ReadSlice('\n')
		if err == nil && long == nil {
			return checkLine(string(part))
		}
		long = append(long, part...)
		switch {
		case p.left.N == 0:
			return "", fmt.Errorf("%w: text of more than %d bytes", ErrLimit, maxControlText)
		case len(long) > maxControlLine:
			return "", fmt.Errorf("%w: line of more than %d bytes", ErrLimit, maxControlLine)
		case err == nil, err == io.EOF && len(long) > 0:
			return checkLine(string(long))
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

func checkLine(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", errors.New("a zero byte")
	}
	return strings.TrimRight(s, " \t\r\n"), nil
}

// fieldName reports whether s is a field name as deb822(5) has it: printable
// ASCII without colon, not beginning with # or -.
func fieldName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != "" && s[0] != '#' && s[0] != '-'
}

// short cuts a text for an error message.
func short(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}
