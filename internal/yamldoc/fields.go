package yamldoc

import (
	"maps"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Fields is a mapping whose keys the reader knows.
type Fields struct {
	at     Value
	values map[string]*yaml.Node
	wrong  bool // not a mapping, or with unknown fields: said already
}

// Fields returns the mapping v; any key but the known ones is a mistake. An
// absent v has no fields.
func (v Value) Fields(known ...string) Fields {
	f := Fields{at: v, values: map[string]*yaml.Node{}}
	f.wrong = v.Present() && v.node.Kind != yaml.MappingNode
	for _, e := range v.Entries() {
		name := e.Key.node.Value
		if !slices.Contains(known, name) {
			Value{v.doc, e.Key.node, v.path}.Errorf("unknown field %q%s", name, Meant(name, known))
			f.wrong = true
			continue
		}
		f.values[name] = e.Value.node
	}
	return f
}

// Over returns the fields of both mappings, those of f where both have one. Their
// paths in errors are as in below, where that is there; their places are where they
// stand.
func (f Fields) Over(below Fields) Fields {
	if !below.at.Present() {
		return f
	}
	all := Fields{at: below.at, values: maps.Clone(below.values), wrong: f.wrong || below.wrong}
	maps.Copy(all.values, f.values)
	return all
}

// Get returns a field, absent or not.
func (f Fields) Get(name string) Value {
	return Value{f.at.doc, f.values[name], f.at.join(name)}
}

// Need returns a field and notes a mistake when it is absent; not so when the
// whole mapping is absent, which is its own reader's matter.
func (f Fields) Need(name string) Value {
	v := f.Get(name)
	if !v.Present() && f.at.Present() && f.at.node.Kind == yaml.MappingNode {
		f.at.doc.note(f.at.node, "%s: missing", v.path)
	}
	return v
}

// One returns which of two or more fields is there, and the field: exactly one
// must be. For an absent mapping it returns nothing and notes no mistake.
func (f Fields) One(names ...string) (string, Value) {
	var have []string
	for _, name := range names {
		if f.values[name] != nil {
			have = append(have, name)
		}
	}
	switch {
	case len(have) == 1:
		return have[0], f.Get(have[0])
	case len(have) > 1:
		f.at.Errorf("has %s: want one of them", strings.Join(have, " and "))
	case f.at.Present() && !f.wrong:
		f.at.Errorf("want %s", strings.Join(names, " or "))
	}
	return "", Value{doc: f.at.doc, path: f.at.path}
}

// Entry is one key of a mapping and what it holds.
type Entry struct{ Key, Value Value }

// Entries returns a mapping whose keys the file chooses, in the file's order.
// Keys are text and stand once each.
func (v Value) Entries() []Entry {
	if v.node == nil {
		return nil
	}
	if v.node.Kind != yaml.MappingNode {
		v.Errorf("want a mapping, have %s", kindOf(v.node))
		return nil
	}
	out := make([]Entry, 0, len(v.node.Content)/2)
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k := v.node.Content[i]
		path := v.join(k.Value)
		out = append(out, Entry{Value{v.doc, k, path}, Value{v.doc, v.node.Content[i+1], path}})
	}
	return out
}

func (v Value) join(name string) string {
	if v.path == "" {
		return name
	}
	return v.path + "." + name
}
