package recipe

import (
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

type (
	recipeName  string
	needName    string
	packageName string
	outputName  string
	oneLine     string
	license     string
	insidePath  string
	dscPath     string
	sha256Hex   string
	rpmName     string
	specPath    string
	gitURL      string
	gitRef      string
	requireFile map[string][]string
	rpmRequire  map[string][]string
	envFile     map[string]string
	modesFile   map[string]string
	definesFile map[string]string
	homeFile    map[string]placedFile
	filesFile   map[string]placedFile
)

func text(form string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: form}
}

func pattern(f form) *jsonschema.Schema { return text(f.text) }

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

// needName is the name of a recipe or of a variant.
func (needName) JSONSchema() *jsonschema.Schema {
	name := strings.TrimSuffix(strings.TrimPrefix(nameForm.text, "^"), "$")
	s := text(`^` + name + `(\+` + name + `)?$`)
	s.MaxLength = ptr(129)
	folders := `(` + strings.Join(reservedFolders, "|") + `)`
	s.Not = text(`^` + folders + `(\+|$)|\+` + folders + `$`)
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

func (rpmName) JSONSchema() *jsonschema.Schema {
	s := pattern(rpmNameForm)
	s.Not = text(`\.\.|-debuginfo$|-debugsource$`)
	return s
}

func (specPath) JSONSchema() *jsonschema.Schema {
	s := text(`^[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)*\.spec$`)
	s.Not = notDotted
	return s
}

func (gitURL) JSONSchema() *jsonschema.Schema {
	s := pattern(gitForm)
	s.Not = text(`/\.\.(/|$)`)
	return s
}

func (gitRef) JSONSchema() *jsonschema.Schema {
	s := pattern(refForm)
	s.Not = text(`\.\.|\.$|\.lock(/|$)`)
	return s
}

func (homeFile) JSONSchema() *jsonschema.Schema { return placedFiles(insidePath("").JSONSchema()) }

func (filesFile) JSONSchema() *jsonschema.Schema {
	names := text(`^/[^/\x00-\x1f\x7f]+(/[^/\x00-\x1f\x7f]+)+$`)
	first := strings.Join(slices.Concat(builderLinks, sandboxPlaces), "|")
	names.Not = text(`(^|/)\.\.?(/|$)|^/(` + first + `)(/|$)`)
	return placedFiles(names)
}

func placedFiles(names *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: reflected(&placedFile{})}
}

func (definesFile) JSONSchema() *jsonschema.Schema {
	names := pattern(macroForm)
	for _, n := range reservedDefines {
		names.Not = &jsonschema.Schema{Enum: append(enum(names.Not), n)}
	}
	return &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: text(`^[^\x00-\x1f\x7f]+$`)}
}

func (requireFile) JSONSchema() *jsonschema.Schema { return requires(pattern(packageForm)) }
func (rpmRequire) JSONSchema() *jsonschema.Schema  { return requires(pattern(rpmNameForm)) }

func requires(names *jsonschema.Schema) *jsonschema.Schema {
	paths := text(installedForm)
	paths.Not = notDotted
	return &jsonschema.Schema{
		Type: "object", PropertyNames: names,
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

type (
	editLine string
	newLine  string
)

func (editLine) JSONSchema() *jsonschema.Schema { return text(`^[^\x00-\x08\x0a-\x1f\x7f]+$`) }
func (newLine) JSONSchema() *jsonschema.Schema  { return text(`^[^\x00-\x08\x0a-\x1f\x7f]*$`) }

// rpmSources is rpm.sources.
type rpmSources map[string]string

func (rpmSources) JSONSchema() *jsonschema.Schema {
	other := recipeName("").JSONSchema()
	other.Not.Enum = append(other.Not.Enum, Main)
	return &jsonschema.Schema{Type: "object", PropertyNames: pattern(tarballForm), AdditionalProperties: other}
}
