package yamldoc

import (
	"fmt"
	"slices"
	"strconv"

	yaml "go.yaml.in/yaml/v4"
)

// Value is a place in a document: a scalar, a list, a mapping, or an absent
// field. Its methods return the zero value for an absent one and note nothing;
// Fields.Need notes the absence.
type Value struct {
	doc  *Doc
	node *yaml.Node
	path string // for people: deb.outputs[0]
}

// Present reports whether the document holds the value.
func (v Value) Present() bool { return v.node != nil }

// Position returns where the value stands; the file's beginning when absent.
func (v Value) Position() Position { return v.doc.position(v.node) }

// Errorf notes a mistake of the value, «PATH: message» at its position.
func (v Value) Errorf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if v.path == "" {
		v.doc.note(v.node, "%w", err)
		return
	}
	v.doc.note(v.node, "%s: %w", v.path, err)
}

// Text returns the text of a scalar. A plain scalar that YAML reads as another
// type (1.10, true, 2026-11-01) is a mistake that says to quote it.
func (v Value) Text() string {
	s, _ := v.text()
	return s
}

func (v Value) text() (string, bool) {
	switch {
	case v.node == nil:
		return "", false
	case v.node.Kind != yaml.ScalarNode:
		v.Errorf("want text, have %s", kindOf(v.node))
		return "", false
	case v.node.Tag != "!!str":
		v.Errorf("%s is %s: quote it", v.node.Value, kindOf(v.node))
		return "", false
	}
	return v.node.Value, true
}

// As returns the text of v as parse reads it; an error of parse is a mistake
// at v. An absent v gives the zero T without a call of parse.
func As[T any](v Value, parse func(string) (T, error)) T {
	var zero T
	s, ok := v.text()
	if !ok {
		return zero
	}
	t, err := parse(s)
	if err != nil {
		v.Errorf("%w", err)
		return zero
	}
	return t
}

// OneOf returns the text, which must be one of words.
func (v Value) OneOf(words ...string) string {
	s, ok := v.text()
	if ok && !slices.Contains(words, s) {
		v.Errorf("unknown value %q%s", s, Meant(s, words))
		return ""
	}
	return s
}

// Bool returns a truth value: true or false, written so.
func (v Value) Bool() bool {
	if v.node == nil {
		return false
	}
	if v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!bool" || (v.node.Value != "true" && v.node.Value != "false") {
		v.Errorf("want true or false, have %s", describe(v.node))
		return false
	}
	return v.node.Value == "true"
}

// Int returns a decimal integer from low to high; for an absent value 0.
func (v Value) Int(low, high int64) int64 {
	if v.node == nil {
		return 0
	}
	n, err := strconv.ParseInt(v.node.Value, 10, 64)
	if v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!int" || err != nil || strconv.FormatInt(n, 10) != v.node.Value {
		v.Errorf("want a decimal number, have %s", describe(v.node))
		return 0
	}
	if n < low || n > high {
		v.Errorf("%d: want %d to %d", n, low, high)
		return 0
	}
	return n
}

// IsList reports whether the value is a list, and not text or a mapping.
func (v Value) IsList() bool { return v.node != nil && v.node.Kind == yaml.SequenceNode }

// List returns the elements of a list, in order.
func (v Value) List() []Value {
	if v.node == nil {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		v.Errorf("want a list, have %s", kindOf(v.node))
		return nil
	}
	out := make([]Value, len(v.node.Content))
	for i, c := range v.node.Content {
		out[i] = Value{v.doc, c, v.path + "[" + strconv.Itoa(i) + "]"}
	}
	return out
}

func describe(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return strconv.Quote(n.Value)
	}
	return kindOf(n)
}

// kindOf names what n is, for people.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "a truth value"
	case n.Tag == "!!timestamp":
		return "a time"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "text"
}
