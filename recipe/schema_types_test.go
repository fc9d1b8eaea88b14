package recipe

import (
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/fuel-infra/pbuild/internal/limits"
)

// The types below say for editors what parseRecipe and parseBuilder take. They
// stand in a test so that no program links the generator. TestSchemaAgrees
// holds them to the parsers.

type recipeFile struct {
	Format   int          `json:"format" jsonschema:"enum=1" jsonschema_description:"The format of this file."`
	Name     recipeName   `json:"name" jsonschema_description:"The name of the recipe and of its folder."`
	Summary  oneLine      `json:"summary" jsonschema_description:"What it is, for people. Not in the key."`
	License  license      `json:"license" jsonschema_description:"An SPDX expression. Not in the key."`
	Sources  sourcesFile  `json:"sources" jsonschema_description:"Where files come from; main is what is built."`
	Version  recipeName   `json:"version,omitempty" jsonschema_description:"schemes/NAME.yaml: what versions are made of. Default: as spec and changelog say."`
	Limits   *limitsFile  `json:"limits,omitempty" jsonschema_description:"What each program of the build may take. Not in the key. The user may allow less."`
	RPM      *rpmFile     `json:"rpm,omitempty" jsonschema:"anyof_required=rpm" jsonschema_description:"How RPM packages are made."`
	Deb      *debFile     `json:"deb,omitempty" jsonschema:"anyof_required=deb" jsonschema_description:"How Debian packages are made."`
	Variants variantsFile `json:"variants,omitempty" jsonschema_description:"The same recipe in another way, as RECIPE+NAME."`
}

// limitsFile is what limits.Parse takes.
type limitsFile struct {
	Memory    sizeText `json:"memory,omitempty" jsonschema_description:"At once, by all processes, files in /tmp, /run and /dev/shm among it. Default: half of the machine's, more than which only the user can allow."`
	Processes int      `json:"processes,omitempty" jsonschema:"minimum=16,maximum=4194304" jsonschema_description:"Processes and threads at once. Default: 4096; above 32768 only where the user allows it."`
	Disk      sizeText `json:"disk,omitempty" jsonschema_description:"What the build adds to the disk. Default: no limit but what has to stay free."`
	Output    sizeText `json:"output,omitempty" jsonschema_description:"What is printed into the log. Default: 256MiB; above 4GiB only where the user allows it."`
	Time      timeText `json:"time,omitempty" jsonschema_description:"By the clock on the wall, e.g. 90s, 30m or 1h30m. Default: 12h; above 48h only where the user allows it."`
}

type (
	sizeText string
	timeText string
)

func (sizeText) JSONSchema() *jsonschema.Schema { return text(limits.SizeForm) }

func (timeText) JSONSchema() *jsonschema.Schema { return text(limits.TimeForm) }

// variantsFile is variants by name. What a variant states stands over what the recipe
// does, so that none of its fields is needed but a format that it makes.
type variantsFile struct{}

func (variantsFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", PropertyNames: recipeName("").JSONSchema(), AdditionalProperties: reflected(&variantFile{})}
}

type variantFile struct {
	Summary oneLine       `json:"summary,omitempty" jsonschema_description:"What it is, for people. Not in the key."`
	Sources variedSources `json:"sources,omitempty" jsonschema_description:"Sources in the place of the recipe's."`
	Version recipeName    `json:"version,omitempty" jsonschema_description:"schemes/NAME.yaml: what versions are made of."`
	Limits  *limitsFile   `json:"limits,omitempty" jsonschema_description:"In the place of the recipe's."`
	RPM     *variedRPM    `json:"rpm,omitempty" jsonschema:"anyof_required=rpm" jsonschema_description:"What is different of RPM packages."`
	Deb     *variedDeb    `json:"deb,omitempty" jsonschema:"anyof_required=deb" jsonschema_description:"What is different of Debian packages."`
}

type (
	variedSources struct{}
	variedRPM     struct{}
	variedDeb     struct{}
)

func (variedSources) JSONSchema() *jsonschema.Schema { return optional(sourcesFile{}.JSONSchema()) }
func (variedRPM) JSONSchema() *jsonschema.Schema     { return optional(reflected(&rpmFile{})) }
func (variedDeb) JSONSchema() *jsonschema.Schema     { return optional(reflected(&debFile{})) }

// optional returns a mapping's schema without the fields that it needs.
func optional(s *jsonschema.Schema) *jsonschema.Schema {
	s.Required = nil
	return s
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
	Needs    []needName    `json:"needs,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Recipes whose packages are installed before the build."`
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
	Needs    []needName    `json:"needs,omitempty" jsonschema:"minItems=1,uniqueItems=true" jsonschema_description:"Recipes whose packages are installed before the build."`
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

type schemeFile struct {
	Format  int        `json:"format" jsonschema:"enum=1" jsonschema_description:"The format of this file."`
	Name    recipeName `json:"name" jsonschema_description:"The name of the scheme and of this file."`
	Summary oneLine    `json:"summary" jsonschema_description:"What it is, for people."`
	Deb     debOrigins `json:"deb,omitempty" jsonschema:"anyof_required=deb" jsonschema_description:"What Debian packages are stamped with; left out: as the changelog says."`
	RPM     rpmOrigins `json:"rpm,omitempty" jsonschema:"anyof_required=rpm" jsonschema_description:"What RPM packages are stamped with; left out: as the spec says."`
}

// debOrigins and rpmOrigins are templates by origin.
type (
	debOrigins struct{}
	rpmOrigins struct{}
)

func (debOrigins) JSONSchema() *jsonschema.Schema {
	return originTemplates("The upstream version, without epoch and revision. Default: %{version}, the changelog's.", "version")
}

func (rpmOrigins) JSONSchema() *jsonschema.Schema {
	return originTemplates("The version. Default: the spec's.")
}

func originTemplates(version string, own ...string) *jsonschema.Schema {
	closed := func(needed string) *jsonschema.Schema {
		return &jsonschema.Schema{
			Type: "object", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema, Required: []string{needed},
		}
	}
	all := closed(string(Merged))
	for _, o := range []struct {
		origin Origin
		what   string
	}{
		{Merged, "The commit that the lock names."},
		{Unmerged, "Another commit of the main source."},
		{Folder, "Files of which no commit is known."},
	} {
		one := closed("release")
		one.Description = o.what
		one.Properties.Set("version", template(version, slices.Concat(origins[o.origin], own)))
		one.Properties.Set("release", template("The release; of a deb the revision.", origins[o.origin]))
		all.Properties.Set(string(o.origin), one)
	}
	return all
}

func template(what string, variables []string) *jsonschema.Schema {
	s := text(`^([A-Za-z0-9.+~]|%\{(` + strings.Join(variables, "|") + `)\})+$`)
	s.Description = what
	return s
}
