package recipe

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Change is a field that two derivations have otherwise, for who wants to know
// why a key is another one.
type Change struct {
	Field string   `json:"field"`        // e.g. builder; with the name of the entry where there are many: source main, env PBR_VERSION
	Old   []string `json:"old,omitzero"` // what stands behind it, e.g. the digest; nil: it was not there
	New   []string `json:"new,omitzero"` // nil: it is there no more
}

// mapFields are the fields of a derivation that stand once for each entry of a
// map, whose name is their first value. The values of all others with the same
// name are one list.
var mapFields = []string{"depend", "need", "source", "archive", "env", "mode", "define", "home", "file"}

// Changes compares the texts of two derivations. The fields come as in the new
// one, those that it lacks after them. Of a text with another format number only
// that number is told. Texts that differ have at least one change. Errors are
// ParseDerivation's.
func Changes(old, now []byte) ([]Change, error) {
	if was, is := formatNumber(old), formatNumber(now); was != is && was > 0 && is > 0 {
		return []Change{{"derivation", []string{strconv.Itoa(was)}, []string{strconv.Itoa(is)}}}, nil
	}
	before, oldNames, err := valuesByField(old)
	if err != nil {
		return nil, err
	}
	after, newNames, err := valuesByField(now)
	if err != nil {
		return nil, err
	}
	var all []Change
	for _, name := range newNames {
		if was, ok := before[name]; !ok || !slices.Equal(was, after[name]) {
			all = append(all, Change{name, was, after[name]})
		}
	}
	for _, name := range oldNames {
		if _, ok := after[name]; !ok {
			all = append(all, Change{name, before[name], nil})
		}
	}
	if len(all) == 0 && !bytes.Equal(old, now) {
		// No text that Derivation.Text writes: its order follows from what it says.
		all = append(all, Change{"order", oldNames, newNames})
	}
	return all, nil
}

// formatNumber returns the number in a derivation's first line, 0 for a text
// that has none.
func formatNumber(text []byte) int {
	line, _, _ := bytes.Cut(text[:min(len(text), 80)], []byte("\n"))
	number, ok := strings.CutPrefix(string(line), "pbuild derivation ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || strconv.Itoa(n) != number {
		return 0
	}
	return n
}

// valuesByField reads a derivation's text into values, never nil, by
// Change.Field, and these names in the text's order.
func valuesByField(text []byte) (values map[string][]string, names []string, err error) {
	fields, err := ParseDerivation(text)
	if err != nil {
		return nil, nil, err
	}
	values = map[string][]string{}
	for _, f := range fields {
		if slices.Contains(mapFields, f.Name) {
			f = Field{f.Name + " " + f.Values[0], f.Values[1:]}
		}
		had, ok := values[f.Name]
		if !ok {
			had, names = []string{}, append(names, f.Name)
		}
		values[f.Name] = append(had, f.Values...)
	}
	return values, names, nil
}
