package yamldoc

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever the bytes, Parse ends with a document that every method
// can walk, or with mistakes that lie inside the file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a: b\n", "a: [1, {b: c}]\n", "a: &x b\nc: *x\n", "%YAML 1.2\n---\na: b\n", "a: |\n  b\n", "<<: {a: b}\n",
		"? [a]\n: b\n", "a: !!str 1\n", "a: b\n---\nc: d\n", "\"\\u202e\": x\n", "- - - a\n", "a: b\r\nc: 'd'\r\n", "a: ~\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Parse("f", data)
		if err == nil {
			walk(doc.Root())
			err = doc.Err()
		}
		if err == nil {
			return
		}
		if !utf8.ValidString(err.Error()) {
			t.Errorf("%q: no UTF-8", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		var one *Error
		if !errors.As(err, &one) {
			t.Fatalf("%T is no *Error", err)
		}
		all := Errors{one}
		errors.As(err, &all)
		for _, e := range all {
			if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Msg == "" {
				t.Errorf("%v: outside a file of %d lines", e, lines)
			}
		}
	})
}

func walk(v Value) {
	v.Text()
	v.Bool()
	v.Int(0, 1)
	v.Fields("a").Need("b")
	for _, e := range v.List() {
		walk(e)
	}
	for _, e := range v.Entries() {
		e.Key.Text()
		walk(e.Value)
	}
}
