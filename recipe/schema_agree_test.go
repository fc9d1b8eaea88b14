package recipe

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"
)

// beyondSchema are mistakes that a schema can't see: they lie between two fields, or
// between the file and its folder, or are a matter of bytes.
var beyondSchema = []string{
	"other name", "dsc with debian", "rpm of dsc", "rpm modes without tarball",
	"source of no format", "source of no file", "rpm source unknown", "rpm source of none", "version of dsc", "needs itself", "edit long", "limits too small",
}

// schema reads a committed schema.
func schema(t *testing.T, kind string) (all map[string]any) {
	t.Helper()
	b, err := os.ReadFile("../recipes/" + kind + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSchemaFields: schema and parser know the same fields in each mapping. The
// parser is asked by a field that no word comes near.
func TestSchemaFields(t *testing.T) {
	for _, c := range []struct{ file, in, path string }{
		{"recipe", "qqqqqq: 1", ""},
		{"recipe", "sources: {main: {qqqqqq: 1}}", "sources main"},
		{"recipe", "sources: {main: {dsc: {qqqqqq: 1}}}", "sources main dsc"},
		{"recipe", "sources: {more: {qqqqqq: 1}}", "sources *"},
		{"recipe", "sources: {more: {pack: {a: {qqqqqq: 1}}}}", "sources * pack *"},
		{"recipe", "deb: {qqqqqq: 1}", "deb"},
		{"recipe", "deb: {edits: {a: [{qqqqqq: 1}]}}", "deb edits * []"},
		{"recipe", "deb: {home: {a: {qqqqqq: 1}}}", "deb home *"},
		{"recipe", "rpm: {qqqqqq: 1}", "rpm"},
		{"recipe", "limits: {qqqqqq: 1}", "limits"},
		{"recipe", base + "variants: {v: {limits: {qqqqqq: 1}}}", "variants * limits"},
		{"recipe", "rpm: {source0: {qqqqqq: 1}}", "rpm source0"},
		{"recipe", base + "variants: {v: {qqqqqq: 1}}", "variants *"},
		{"recipe", base + "variants: {v: {deb: {qqqqqq: 1}}}", "variants * deb"},
		{"recipe", base + "variants: {v: {rpm: {qqqqqq: 1}}}", "variants * rpm"},
		{"recipe", base + "variants: {v: {sources: {main: {qqqqqq: 1}}}}", "variants * sources main"},
		{"profile", "qqqqqq: 1", ""},
		{"builder", "qqqqqq: 1", ""},
		{"scheme", "qqqqqq: 1", ""},
		{"scheme", "deb: {qqqqqq: 1}", "deb"},
		{"scheme", "deb: {merged: {qqqqqq: 1}}", "deb merged"},
		{"scheme", "rpm: {qqqqqq: 1}", "rpm"},
		{"scheme", "rpm: {folder: {qqqqqq: 1}}", "rpm folder"},
	} {
		var err error
		switch c.file {
		case "recipe":
			_, err = parseRecipe("f", "xx", []byte(c.in))
		case "profile":
			_, err = parseProfile("f", "x", []byte(c.in))
		case "scheme":
			_, err = parseScheme("f", "x", []byte(c.in))
		default:
			_, err = parseBuilder("f", "x", []byte(c.in))
		}
		_, list, ok := strings.Cut(err.Error(), `unknown field "qqqqqq": known are `)
		if !ok {
			t.Fatalf("%s: %v", c.in, err)
		}
		list, _, _ = strings.Cut(list, "\n")
		at := schema(t, c.file)
		for step := range strings.FieldsSeq(c.path) {
			switch step {
			case "*":
				at = at["additionalProperties"].(map[string]any)
			case "[]":
				at = at["items"].(map[string]any)
			default:
				at = at["properties"].(map[string]any)[step].(map[string]any)
			}
		}
		want := slices.Sorted(maps.Keys(at["properties"].(map[string]any)))
		if got := slices.Sorted(slices.Values(strings.Split(list, ", "))); !slices.Equal(got, want) {
			t.Errorf("%s %q: parser knows %q, schema %q", c.file, c.path, got, want)
		}
	}
}

// TestSchemaAgrees: what the parser refuses the schema refuses, and the valid files,
// all that are committed among them, fit.
func TestSchemaAgrees(t *testing.T) {
	fits := func(kind string, data []byte) error {
		var v any
		if err := yaml.Unmarshal(data, &v); err != nil {
			return err
		}
		return evaluate(schema(t, kind), v)
	}
	for kind, globs := range map[string][]string{
		"recipe":  {"testdata/collection/*/recipe.yaml", "../recipes/*/recipe.yaml"},
		"profile": {"testdata/collection/profiles/*.yaml", "../recipes/profiles/*.yaml"},
		"builder": {"testdata/collection/builders/*.yaml", "../recipes/builders/*.yaml"},
		"scheme":  {"testdata/collection/schemes/*.yaml", "../recipes/schemes/*.yaml"},
	} {
		for _, glob := range globs {
			files, err := filepath.Glob(glob)
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %q, %v", glob, files, err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := fits(kind, b); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		}
	}
	for kind, c := range map[string]struct {
		valid    string
		mistakes []mistake
	}{"recipe": {base, mistakes()}, "scheme": {schemeBase, schemeMistakes()}} {
		if err := fits(kind, []byte(c.valid)); err != nil {
			t.Errorf("%s: base: %v", kind, err)
		}
		for _, m := range c.mistakes {
			err := fits(kind, m.in(t, c.valid))
			if beyond := slices.Contains(beyondSchema, m.name); (err == nil) != beyond {
				t.Errorf("%s: %s: schema says %v", kind, m.name, err)
			}
		}
	}
}
