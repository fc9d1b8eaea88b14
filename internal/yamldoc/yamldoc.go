// Package yamldoc reads strict YAML 1.2 (https://yaml.org/spec/1.2.2/), one
// document a file, and says what is wrong by file, line and column.
//
// Parse refuses what makes a file mean something else than it shows: anchors
// and aliases, tags, directives, a second document, duplicate keys, merge keys,
// keys that are not text, nulls, and characters that don't print. A reader then
// walks the document by Values:
//
//	doc, err := yamldoc.Parse("hello/recipe.yaml", data)
//	if err != nil {
//		return nil, err
//	}
//	f := doc.Root().Fields("name", "debug")
//	r := Recipe{
//		Name:  yamldoc.As(f.Need("name"), parseName),
//		Debug: f.Get("debug").OneOf("keep", "drop") == "keep",
//	}
//	return r, doc.Err()
//
// Values never fail: a mistake is kept in the document and the zero value is
// returned, so that Err can name the mistakes of a file at once. Scalars are
// taken as written: text that YAML would read as a number, a truth value or a
// time must be quoted, so 1.10 never becomes 1.1.
//
// It knows nothing of recipes or configuration, and writes no YAML.
package yamldoc

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// Limits of a document. They bound the work that a hostile file can cause, and
// are far above what people write.
const (
	MaxSize  = 256 << 10 // bytes
	MaxDepth = 32        // lists and mappings inside one another
)

// Doc is one parsed document and the mistakes that its readers found.
type Doc struct {
	file     string
	root     *yaml.Node // nil when the document is empty
	end      Position   // behind the last character
	mistakes []*Error
}

// Parse reads the only document in data. The name of the file stands in errors
// and is not opened. An empty document is not an error: its root is absent.
// The error is an *Error or Errors.
func Parse(file string, data []byte) (*Doc, error) {
	d := &Doc{file: file}
	if err := d.text(data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var n, second yaml.Node
	if err := dec.Decode(&n); err != nil {
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		return nil, d.library(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, d.position(&second).Errorf("a second document: a file holds one")
	} else if !errors.Is(err, io.EOF) {
		return nil, d.library(err)
	}
	if len(n.Content) != 1 {
		return d, nil
	}
	if line := directive(data, n.Content[0].Line); line > 0 {
		return nil, Position{file, line, 1}.Errorf("a directive: leave it out")
	}
	d.strict(n.Content[0], 0)
	if err := d.Err(); err != nil {
		return nil, err
	}
	d.root = n.Content[0]
	return d, nil
}

// Root returns the document's value; it is absent when the document is empty.
func (d *Doc) Root() Value { return Value{doc: d, node: d.root} }

// Err returns nil, or the mistakes found so far, by position: an *Error when
// there is one, Errors when there are more.
func (d *Doc) Err() error {
	switch len(d.mistakes) {
	case 0:
		return nil
	case 1:
		return d.mistakes[0]
	}
	all := slices.Clone(d.mistakes)
	slices.SortStableFunc(all, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return Errors(all)
}

func (d *Doc) position(n *yaml.Node) Position {
	if n == nil {
		return d.place(1, 1)
	}
	return d.place(n.Line, n.Column)
}

// place keeps a position inside the file: the parser counts a line more where
// the last one ends without a newline.
func (d *Doc) place(line, column int) Position {
	if line > d.end.Line {
		return d.end
	}
	return Position{d.file, max(line, 1), max(column, 1)}
}

// note keeps a mistake. Those after the first maxErrors are dropped: a hostile
// file can hold one in every other byte.
func (d *Doc) note(n *yaml.Node, format string, args ...any) {
	if len(d.mistakes) >= maxErrors {
		return
	}
	e := d.position(n).Errorf(format, args...)
	// A part that is read twice is wrong once.
	if !slices.ContainsFunc(d.mistakes, func(o *Error) bool { return o.Line == e.Line && o.Column == e.Column && o.Msg == e.Msg }) {
		d.mistakes = append(d.mistakes, e)
	}
}

// text checks what must hold before the parser sees the bytes.
func (d *Doc) text(data []byte) error {
	if len(data) > MaxSize {
		return Position{d.file, 1, 1}.Errorf("%d bytes: more than %d", len(data), MaxSize)
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		i += size
		switch {
		case r == utf8.RuneError && size == 1:
			return Position{d.file, line, column}.Errorf("not UTF-8")
		case r == '\n':
			line, column = line+1, 0
		case r == '\r' && (i == len(data) || data[i] != '\n'), !printable(r) && r != '\r':
			return Position{d.file, line, column}.Errorf("character %U: not printable", r)
		}
		column++
	}
	d.end = Position{d.file, line, column}
	return nil
}

// printable reports whether people see r for what it is. Direction marks and
// zero-width characters (Unicode category Cf) make a text show as another one.
func printable(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }

// directive returns the first line before the content that begins with a
// percent sign, else 0. YAML allows directives nowhere else.
func directive(data []byte, content int) int {
	line := 0
	for l := range bytes.Lines(data) {
		line++
		if line > content {
			break
		}
		if l[0] == '%' {
			return line
		}
	}
	return 0
}

// library gives a parser's error our form.
func (d *Doc) library(err error) error {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		return d.place(1, 1).Errorf("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return d.place(le.Mark.Line, le.Mark.Column).Errorf("%s", le.Message)
}
