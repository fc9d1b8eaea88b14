package recipe

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/invopop/jsonschema"
)

// schemas returns the schemas as committed.
func schemas(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, s := range []struct {
		file, title string
		of          any
	}{
		{"../recipes/recipe.schema.json", "pbuild recipe", &recipeFile{}},
		{"../recipes/builder.schema.json", "pbuild builder", &builderFile{}},
		{"../recipes/profile.schema.json", "pbuild profile", &profileFile{}},
		{"../recipes/scheme.schema.json", "pbuild version scheme", &schemeFile{}},
	} {
		r := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
		schema := r.Reflect(s.of)
		schema.Title = s.title
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(schema); err != nil {
			t.Fatal(err)
		}
		out[s.file] = b.Bytes()
	}
	return out
}

// TestSchema: the committed schemas are those that the types give.
// To write them: go test ./recipe -run TestSchema -update
func TestSchema(t *testing.T) {
	for file, want := range schemas(t) {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s drifted: go test ./recipe -run TestSchema -update", file)
		}
	}
}
