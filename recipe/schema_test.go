package recipe

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
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
	RPM     *rpmFile    `json:"rpm,omitempty" jsonschema:"anyof_required=rpm" jsonschema_description:"How RPM packages are made."`
	Deb     *debFile    `json:"deb,omitempty" jsonschema:"anyof_required=deb" jsonschema_description:"How Debian packages are made."`
}

// sourcesFile is the sources by name: main, and others, which may be packs.
type sourcesFile struct{}

func (sourcesFile) JSONSchema() *jsonschema.Schema {
	other := reflected(&otherFile{})
	other.OneOf = append(other.OneOf, &jsonschema.Schema{Required: []string{"pack"}})
	s := &jsonschema.Schema{
		Type: "object", Properties: jsonschema.NewProperties(), PropertyNames: recipeName("").JSONSchema(),
		AdditionalProperties: other, Required: []string{"main"},
	}
	s.Properties.Set("main", reflected(&sourceFile{}))
	return s
}

func reflected(v any) *jsonschema.Schema {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
	s := r.Reflect(v)
	s.Version = ""
	return s
}

// partFile is a source that holds files only: one of a pack.
type partFile struct {
	Path       insidePath `json:"path,omitempty" jsonschema:"oneof_required=path" jsonschema_description:"A folder inside the recipe's folder."`
	Git        gitURL     `json:"git,omitempty" jsonschema:"oneof_required=git" jsonschema_description:"A git repository: https, http, ssh or git."`
	Mirrors    []gitURL   `json:"mirrors,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Other places of the same repository."`
	Ref        gitRef     `json:"ref,omitempty" jsonschema_description:"A full commit id, a branch or a tag."`
	Submodules bool       `json:"submodules,omitempty" jsonschema_description:"Whether the files of submodules belong to the source. Default: false."`
}

func (partFile) JSONSchemaExtend(s *jsonschema.Schema) { sourceFile{}.JSONSchemaExtend(s) }

// otherFile is a source beside main.
type otherFile struct {
	partFile
	Pack packFile `json:"pack,omitempty" jsonschema_description:"Several sources, each in a folder of its own."`
}

func (otherFile) JSONSchemaExtend(s *jsonschema.Schema) { sourceFile{}.JSONSchemaExtend(s) }

// packFile is sources by the names of their folders.
type packFile map[string]partFile

func (packFile) JSONSchema() *jsonschema.Schema {
	names := pattern(partForm)
	names.MaxLength = ptr(64)
	return &jsonschema.Schema{Type: "object", PropertyNames: names, AdditionalProperties: reflected(&partFile{}), MinProperties: ptr(1)}
}

// editsFile is edits by file.
type editsFile map[string][]editFile

type editFile struct {
	Delete  editLine `json:"delete,omitempty" jsonschema:"oneof_required=delete" jsonschema_description:"A whole line, which goes."`
	Replace editLine `json:"replace,omitempty" jsonschema:"oneof_required=replace" jsonschema_description:"A whole line."`
	With    newLine  `json:"with,omitempty" jsonschema_description:"What takes its place."`
	Count   int      `json:"count,omitempty" jsonschema:"minimum=1,maximum=1048576" jsonschema_description:"How often the line stands there. Default: 1."`
}

func (editFile) JSONSchemaExtend(s *jsonschema.Schema) {
	s.DependentRequired = map[string][]string{"with": {"replace"}, "replace": {"with"}}
}

func (editsFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", PropertyNames: insidePath("").JSONSchema(),
		AdditionalProperties: &jsonschema.Schema{Type: "array", MinItems: ptr(1), Items: reflected(&editFile{})},
	}
}

type (
	editLine string
	newLine  string
)

func (editLine) JSONSchema() *jsonschema.Schema { return text(`^[^\x00-\x08\x0a-\x1f\x7f]+$`) }
func (newLine) JSONSchema() *jsonschema.Schema  { return text(`^[^\x00-\x08\x0a-\x1f\x7f]*$`) }

// rpmSources is rpm.sources.
type rpmSources map[string]string

func (rpmSources) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: pattern(tarballForm), AdditionalProperties: recipeName("").JSONSchema()}
}

type sourceFile struct {
	Path       insidePath `json:"path,omitempty" jsonschema:"oneof_required=path" jsonschema_description:"A folder inside the recipe's folder."`
	Git        gitURL     `json:"git,omitempty" jsonschema:"oneof_required=git" jsonschema_description:"A git repository: https, http, ssh or git."`
	Mirrors    []gitURL   `json:"mirrors,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Other places of the same repository."`
	Ref        gitRef     `json:"ref,omitempty" jsonschema_description:"A full commit id, a branch or a tag."`
	Submodules bool       `json:"submodules,omitempty" jsonschema_description:"Whether the files of submodules belong to the source. Default: false."`
	Dsc        *dscFile   `json:"dsc,omitempty" jsonschema:"oneof_required=dsc" jsonschema_description:"A Debian source package."`
}

func (sourceFile) JSONSchemaExtend(s *jsonschema.Schema) {
	s.DependentRequired = map[string][]string{"git": {"ref"}, "mirrors": {"git"}, "ref": {"git"}, "submodules": {"git"}}
}

type dscFile struct {
	Path   dscPath   `json:"path" jsonschema_description:"Below the mirror's root: pool/…/NAME_VERSION.dsc"`
	SHA256 sha256Hex `json:"sha256" jsonschema_description:"Of the .dsc; it names its other files."`
}

type debFile struct {
	Debian   insidePath    `json:"debian,omitempty" jsonschema_description:"The folder debian/, looked for in the recipe's folder, then in main. Default: debian."`
	Builder  recipeName    `json:"builder" jsonschema_description:"builders/NAME.yaml: the system that the build sees."`
	Profiles []recipeName  `json:"profiles,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"profiles/NAME.yaml, merged into this."`
	Packages []packageName `json:"packages,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Packages of the builder's suite beyond what debian/control asks for."`
	Outputs  []outputName  `json:"outputs" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"The packages made, no more and no less."`
	Require  requireFile   `json:"require,omitempty" jsonschema_description:"Paths that a package must hold. Not in the key."`
	Debug    string        `json:"debug,omitempty" jsonschema:"enum=keep,enum=drop" jsonschema_description:"Whether NAME-dbgsym packages are made. Default: drop."`
	Edits    editsFile     `json:"edits,omitempty" jsonschema_description:"Whole lines of files in main that are replaced or go, by file."`
	Env      envFile       `json:"env,omitempty" jsonschema_description:"Environment of the build."`
	Modes    modesFile     `json:"modes,omitempty" jsonschema_description:"Permissions of files before the build."`
	Home     homeFile      `json:"home,omitempty" jsonschema_description:"Files below $HOME of the build."`
	Files    filesFile     `json:"files,omitempty" jsonschema_description:"Files over what the builder has, by absolute path."`
}

type rpmFile struct {
	Spec     specPath      `json:"spec" jsonschema_description:"The spec file, looked for in the recipe's folder, then in main."`
	Source0  *source0File  `json:"source0,omitempty" jsonschema_description:"The tarball that is made of main; left out for a spec without one."`
	Sources  rpmSources    `json:"sources,omitempty" jsonschema_description:"Other files that the spec names, NAME.tar.gz, each made of a source."`
	Defines  definesFile   `json:"defines,omitempty" jsonschema_description:"Macros of the build."`
	Builder  recipeName    `json:"builder" jsonschema_description:"builders/NAME.yaml: the system that the build sees."`
	Profiles []recipeName  `json:"profiles,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"profiles/NAME.yaml, merged into this."`
	Packages []packageName `json:"packages,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Packages of the builder's suite beyond what the spec asks for."`
	Outputs  []rpmName     `json:"outputs" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"The packages made, no more and no less."`
	Require  rpmRequire    `json:"require,omitempty" jsonschema_description:"Paths that a package must hold. Not in the key."`
	Debug    string        `json:"debug,omitempty" jsonschema:"enum=keep,enum=drop" jsonschema_description:"Whether debuginfo and debugsource packages are made. Default: drop."`
	Edits    editsFile     `json:"edits,omitempty" jsonschema_description:"Whole lines of files in main that are replaced or go, by file."`
	Env      envFile       `json:"env,omitempty" jsonschema_description:"Environment of the build."`
	Modes    modesFile     `json:"modes,omitempty" jsonschema_description:"Permissions of files before the build."`
	Home     homeFile      `json:"home,omitempty" jsonschema_description:"Files below $HOME of the build."`
	Files    filesFile     `json:"files,omitempty" jsonschema_description:"Files over what the builder has, by absolute path."`
}

type source0File struct {
	Name   rpmName `json:"name" jsonschema_description:"The tarball is NAME-VERSION.tar.gz."`
	Layout string  `json:"layout" jsonschema:"enum=prefixed,enum=flat" jsonschema_description:"With one folder NAME-VERSION, or without."`
}

// placedFile is a value of home: and files:.
type placedFile struct {
	Content string  `json:"content,omitempty" jsonschema:"oneof_required=content"`
	Link    oneLine `json:"link,omitempty" jsonschema:"oneof_required=link"`
	Mode    string  `json:"mode,omitempty" jsonschema_description:"Default: 0644."`
}

func (placedFile) JSONSchemaExtend(s *jsonschema.Schema) {
	s.DependentRequired = map[string][]string{"mode": {"content"}}
	mode, _ := s.Properties.Get("mode")
	mode.Pattern = modeForm.text
}

type profileFile struct {
	Format   int           `json:"format" jsonschema:"enum=1" jsonschema_description:"The format of this file."`
	Name     recipeName    `json:"name" jsonschema_description:"The name of the profile and of this file."`
	Summary  oneLine       `json:"summary" jsonschema_description:"What it is, for people."`
	Packages []packageName `json:"packages,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Packages of the builder's suite."`
	Env      envFile       `json:"env,omitempty" jsonschema_description:"Environment of the build."`
	Home     homeFile      `json:"home,omitempty" jsonschema_description:"Files below $HOME of the build."`
	Files    filesFile     `json:"files,omitempty" jsonschema_description:"Files over what the builder has, by absolute path."`
	Defines  definesFile   `json:"defines,omitempty" jsonschema_description:"Macros, for rpm only."`
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
