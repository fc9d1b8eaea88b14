package recipe

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/invopop/jsonschema"
)

// The types below say for editors what parseRecipe and parseBuilder take. They
// stand in a test so that no program links the generator. TestSchemaAgrees
// holds them to the parsers.

type recipeFile struct {
	Format  int         `json:"format" jsonschema:"enum=1" jsonschema_description:"The format of this file."`
	Name    recipeName  `json:"name" jsonschema_description:"The name of the recipe and of its folder."`
	Summary oneLine     `json:"summary" jsonschema_description:"What it is, for people. Not in the key."`
	License license     `json:"license" jsonschema_description:"An SPDX expression. Not in the key."`
	Sources sourcesFile `json:"sources" jsonschema_description:"Where files come from; main is what is built."`
	Deb     debFile     `json:"deb" jsonschema_description:"How Debian packages are made."`
}

type sourcesFile struct {
	Main sourceFile `json:"main"`
}

type sourceFile struct {
	Path insidePath `json:"path,omitempty" jsonschema:"oneof_required=path" jsonschema_description:"A folder inside the recipe's folder."`
	Dsc  *dscFile   `json:"dsc,omitempty" jsonschema:"oneof_required=dsc" jsonschema_description:"A Debian source package."`
}

type dscFile struct {
	Path   dscPath   `json:"path" jsonschema_description:"Below the mirror's root: pool/…/NAME_VERSION.dsc"`
	SHA256 sha256Hex `json:"sha256" jsonschema_description:"Of the .dsc; it names its other files."`
}

type debFile struct {
	Builder recipeName   `json:"builder" jsonschema_description:"builders/NAME.yaml: the system that the build sees."`
	Debian  insidePath   `json:"debian,omitempty" jsonschema_description:"The folder debian/, looked for in main, then in the recipe's folder. Default: debian."`
	Outputs []outputName `json:"outputs" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"The packages made, no more and no less."`
	Require requireFile  `json:"require,omitempty" jsonschema_description:"Paths that a package must hold. Not in the key."`
	Debug   string       `json:"debug,omitempty" jsonschema:"enum=keep,enum=drop" jsonschema_description:"Whether NAME-dbgsym packages are made. Default: drop."`
	Env     envFile      `json:"env,omitempty" jsonschema_description:"Environment of the build."`
	Modes   modesFile    `json:"modes,omitempty" jsonschema_description:"Permissions of files before the build."`
}

type builderFile struct {
	Format   int           `json:"format" jsonschema:"enum=1" jsonschema_description:"The format of this file."`
	Name     recipeName    `json:"name" jsonschema_description:"The name of the builder and of this file."`
	Summary  oneLine       `json:"summary" jsonschema_description:"What it is, for people."`
	Suite    recipeName    `json:"suite" jsonschema_description:"Codename of the distribution's release."`
	Base     recipeName    `json:"base,omitempty" jsonschema_description:"The builder below this one."`
	Packages []packageName `json:"packages" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"What is asked for; the lock holds what it needs."`
}

type (
	recipeName  string
	packageName string
	outputName  string
	oneLine     string
	license     string
	insidePath  string
	dscPath     string
	sha256Hex   string
	requireFile map[string][]string
	envFile     map[string]string
	modesFile   map[string]string
)

func text(form string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: form}
}

func pattern(form *regexp.Regexp) *jsonschema.Schema { return text(form.String()) }

const (
	insideForm    = `^[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*$`
	installedForm = `^(/[^/\x00-\x1f\x7f]+)+$`
)

// notDotted excludes . and .. as names of a path.
var notDotted = &jsonschema.Schema{Pattern: `(^|/)\.\.?(/|$)`}

func (recipeName) JSONSchema() *jsonschema.Schema {
	s := pattern(nameForm)
	s.MaxLength = ptr(64)
	for _, r := range reservedFolders {
		s.Not = &jsonschema.Schema{Enum: append(enum(s.Not), r)}
	}
	return s
}

func enum(s *jsonschema.Schema) []any {
	if s == nil {
		return nil
	}
	return s.Enum
}

func (packageName) JSONSchema() *jsonschema.Schema { return pattern(packageForm) }

func (outputName) JSONSchema() *jsonschema.Schema {
	s := pattern(packageForm)
	s.Not = text("-dbgsym$")
	return s
}

func (oneLine) JSONSchema() *jsonschema.Schema {
	s := text(`^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$`)
	s.MaxLength = ptr(200)
	return s
}

func (license) JSONSchema() *jsonschema.Schema   { return pattern(licenseForm) }
func (sha256Hex) JSONSchema() *jsonschema.Schema { return text("^[0-9a-f]{64}$") }
func (dscPath) JSONSchema() *jsonschema.Schema {
	return text(`^pool(/[A-Za-z0-9+~_][A-Za-z0-9.+~_-]*)*/[a-z0-9][a-z0-9+.-]+_[0-9][A-Za-z0-9.+~-]*\.dsc$`)
}

func (insidePath) JSONSchema() *jsonschema.Schema {
	s := text(insideForm)
	s.Not = notDotted
	return s
}

func (requireFile) JSONSchema() *jsonschema.Schema {
	paths := text(installedForm)
	paths.Not = notDotted
	return &jsonschema.Schema{
		Type: "object", PropertyNames: pattern(packageForm),
		AdditionalProperties: &jsonschema.Schema{Type: "array", MinItems: ptr(1), UniqueItems: true, Items: paths},
	}
}

func (envFile) JSONSchema() *jsonschema.Schema {
	names := pattern(envForm)
	for _, n := range reservedEnv {
		names.Not = &jsonschema.Schema{Enum: append(enum(names.Not), n)}
	}
	return &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: &jsonschema.Schema{Type: "string"}}
}

func (modesFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: insidePath("").JSONSchema(), AdditionalProperties: pattern(modeForm)}
}

func ptr(n uint64) *uint64 { return &n }

// schemas returns the two schemas as committed.
func schemas(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, s := range []struct {
		file, title string
		of          any
	}{
		{"../recipes/recipe.schema.json", "pbuild recipe", &recipeFile{}},
		{"../recipes/builder.schema.json", "pbuild builder", &builderFile{}},
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
