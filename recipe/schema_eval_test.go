package recipe

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"unicode/utf8"
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
	case "minimum":
		if n := reflect.ValueOf(v); n.CanInt() && float64(n.Int()) < arg.(float64) {
			return wrong
		}
	case "maximum":
		if n := reflect.ValueOf(v); n.CanInt() && float64(n.Int()) > arg.(float64) {
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
	case "minProperties":
		if isObject && len(object) < int(arg.(float64)) {
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
