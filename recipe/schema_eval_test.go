package recipe

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// evaluate says why v does not fit a schema, or nothing. It knows the keywords
// of our schemas (JSON Schema 2020-12, validation) and panics at any other.
func evaluate(schema map[string]any, v any) error {
	for word, arg := range schema {
		if err := keyword(schema, word, arg, v); err != nil {
			return err
		}
	}
	return nil
}

func keyword(schema map[string]any, word string, arg, v any) error {
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	s, isString := v.(string)
	wrong := fmt.Errorf("%v: %s %v", v, word, arg)
	switch word {
	case "$schema", "title", "description":
	case "type":
		_, isBool := v.(bool)
		kinds := map[string]bool{"boolean": isBool, "object": isObject, "array": isList, "string": isString, "integer": reflect.ValueOf(v).CanInt()}
		if !kinds[arg.(string)] {
			return wrong
		}
	case "enum":
		if !slices.ContainsFunc(arg.([]any), func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) {
			return wrong
		}
	case "pattern":
		if isString && !regexp.MustCompile(arg.(string)).MatchString(s) {
			return wrong
		}
	case "maxLength":
		if isString && utf8.RuneCountInString(s) > int(arg.(float64)) {
			return wrong
		}
	case "not":
		if evaluate(arg.(map[string]any), v) == nil {
			return wrong
		}
	case "oneOf":
		fits := 0
		for _, one := range arg.([]any) {
			if evaluate(one.(map[string]any), v) == nil {
				fits++
			}
		}
		if fits != 1 {
			return wrong
		}
	case "anyOf":
		if !slices.ContainsFunc(arg.([]any), func(one any) bool { return evaluate(one.(map[string]any), v) == nil }) {
			return wrong
		}
	case "dependentRequired":
		for name, others := range arg.(map[string]any) {
			if _, ok := object[name]; !ok {
				continue
			}
			for _, other := range others.([]any) {
				if _, ok := object[other.(string)]; !ok {
					return wrong
				}
			}
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return wrong
			}
		}
	case "minItems":
		if isList && len(list) < int(arg.(float64)) {
			return wrong
		}
	case "uniqueItems":
		for i := range list {
			if slices.ContainsFunc(list[:i], func(e any) bool { return reflect.DeepEqual(e, list[i]) }) {
				return wrong
			}
		}
	case "items":
		for _, e := range list {
			if err := evaluate(arg.(map[string]any), e); err != nil {
				return err
			}
		}
	case "propertyNames":
		for name := range object {
			if err := evaluate(arg.(map[string]any), name); err != nil {
				return err
			}
		}
	case "properties":
		for name, sub := range arg.(map[string]any) {
			if e, ok := object[name]; ok {
				if err := evaluate(sub.(map[string]any), e); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for name, e := range object {
			if _, ok := known[name]; ok {
				continue
			}
			sub, ok := arg.(map[string]any)
			if !ok {
				return fmt.Errorf("%s: unknown", name)
			}
			if err := evaluate(sub, e); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	default:
		panic("schema keyword " + word)
	}
	return nil
}

// beyondSchema are mistakes that a schema can't see: they lie between two fields,
// or between the file and its folder.
var beyondSchema = []string{"other name", "dsc with debian", "rpm of dsc", "rpm modes without tarball"}

// TestSchemaFields: schema and parser know the same fields in each mapping. The
// parser is asked by a field that no word comes near.
func TestSchemaFields(t *testing.T) {
	dsc := "\nsources: {main: {dsc: {qqqqqq: 1}}}"
	for _, c := range []struct {
		file, in string
		path     []string
	}{
		{"recipe", "qqqqqq: 1", nil},
		{"recipe", "sources: {qqqqqq: 1}", []string{"sources"}},
		{"recipe", "sources: {main: {qqqqqq: 1}}", []string{"sources", "main"}},
		{"recipe", dsc, []string{"sources", "main", "dsc"}},
		{"recipe", "deb: {qqqqqq: 1}", []string{"deb"}},
		{"recipe", "rpm: {qqqqqq: 1}", []string{"rpm"}},
		{"recipe", "rpm: {source0: {qqqqqq: 1}}", []string{"rpm", "source0"}},
		{"profile", "qqqqqq: 1", nil},
		{"builder", "qqqqqq: 1", nil},
	} {
		var err error
		switch c.file {
		case "recipe":
			_, err = parseRecipe("f", "x", []byte(c.in))
		case "profile":
			_, err = parseProfile("f", "x", []byte(c.in))
		default:
			_, err = parseBuilder("f", "x", []byte(c.in))
		}
		_, list, ok := strings.Cut(err.Error(), `unknown field "qqqqqq": known are `)
		if !ok {
			t.Fatalf("%s: %v", c.in, err)
		}
		list, _, _ = strings.Cut(list, "\n")
		b, err := os.ReadFile("../recipes/" + c.file + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		var schema map[string]any
		if err := json.Unmarshal(b, &schema); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.path {
			schema = schema["properties"].(map[string]any)[name].(map[string]any)
		}
		want := slices.Sorted(maps.Keys(schema["properties"].(map[string]any)))
		if got := slices.Sorted(slices.Values(strings.Split(list, ", "))); !slices.Equal(got, want) {
			t.Errorf("%s %q: parser knows %q, schema %q", c.file, c.path, got, want)
		}
	}
}

// TestSchemaAgrees: what the parser refuses the schema refuses, and the valid
// recipes and builders fit.
func TestSchemaAgrees(t *testing.T) {
	fits := func(t *testing.T, kind string, data []byte) error {
		t.Helper()
		var schema map[string]any
		b, err := os.ReadFile("../recipes/" + kind + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &schema); err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Unmarshal(data, &v); err != nil {
			return err
		}
		return evaluate(schema, v)
	}
	for kind, files := range map[string][]string{
		"recipe": {
			"testdata/collection/small/recipe.yaml", "testdata/collection/full/recipe.yaml", "testdata/collection/dsc/recipe.yaml",
			"testdata/collection/gitted/recipe.yaml", "../recipes/hello/recipe.yaml", "../recipes/tree/recipe.yaml",
		},
		"profile": {"testdata/collection/profiles/shared.yaml", "testdata/collection/profiles/more.yaml"},
		"builder": {
			"testdata/collection/builders/one.yaml", "testdata/collection/builders/two.yaml",
			"../recipes/builders/debian-12-base.yaml", "../recipes/builders/debian-12-deb.yaml",
		},
	} {
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := fits(t, kind, b); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if err := fits(t, "recipe", []byte(base)); err != nil {
		t.Errorf("base: %v", err)
	}
	for _, m := range mistakes() {
		err := fits(t, "recipe", m.text(t))
		if beyond := slices.Contains(beyondSchema, m.name); (err == nil) != beyond {
			t.Errorf("%s: schema says %v", m.name, err)
		}
	}
}
