package realize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

// ErrNoRecipes says that all recipes were asked for, and that there are none.
var ErrNoRecipes = errors.New("no recipes")

// BuildError says that the programs that build a package failed. Log is the end
// of what they printed; the whole of it is the store's failed log of the key.
type BuildError struct {
	Step string // what ran, e.g. "dpkg-buildpackage"
	Err  error  // usually *sandbox.ExitError; *sandbox.LimitError where they took more than is allowed
	Log  event.LogTail

	Recipe  string // its file, which may ask for other limits
	Allowed limits.Policy
}

// Error returns «STEP exited CODE: COMMAND» where the step's program did, and
// «LIMIT: limit N reached: COMMAND» where it came to that.
func (e *BuildError) Error() string {
	var exit *sandbox.ExitError
	if errors.As(e.Err, &exit) && exit.Signal == 0 {
		return fmt.Sprintf("%s exited %d: %s", e.Step, exit.Code, strings.Join(exit.Argv, " "))
	}
	return e.Err.Error()
}

func (e *BuildError) Unwrap() error { return e.Err }

// OutputsError says that a build made other packages than its recipe declares.
type OutputsError struct {
	Missing []string // declared packages that were not made
	Extra   []string // made ones that are not declared; file names where a package has no name
}

func (e *OutputsError) Error() string {
	var parts []string
	if len(e.Missing) > 0 {
		parts = append(parts, "not made: "+strings.Join(e.Missing, ", "))
	}
	if len(e.Extra) > 0 {
		parts = append(parts, "made but not declared: "+strings.Join(e.Extra, ", "))
	}
	return "outputs: " + strings.Join(parts, "; ")
}

// RequireError says that a package lacks paths that its recipe requires.
type RequireError struct {
	Package string
	Paths   []string
}

func (e *RequireError) Error() string {
	return fmt.Sprintf("require: package %s lacks %s", e.Package, strings.Join(e.Paths, ", "))
}

// AmbiguousError says that a package is made by several recipes.
type AmbiguousError struct {
	Name    string
	Recipes []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q: made by several recipes: %s", e.Name, strings.Join(e.Recipes, ", "))
}

// GivenError says that a recipe can't be closed with the source that was given for
// this run.
type GivenError struct {
	Recipe string
	Where  string // the source, as people named it
	Err    error
}

func (e *GivenError) Error() string { return e.Err.Error() + ", with source " + e.Where }

// Unwrap returns why not.
func (e *GivenError) Unwrap() error { return e.Err }

// KeptError wraps the failure of a build whose files were kept (see
// Realizer.KeepFailed).
type KeptError struct {
	Err error
	Dir string // holds the build: its folder is build/
}

func (e *KeptError) Error() string { return e.Err.Error() }

func (e *KeptError) Unwrap() error { return e.Err }

// BadOutputError says that a file which a build left as a package can't be one.
type BadOutputError struct {
	Name string // as the build called it: any bytes
	Err  error
}

func (e *BadOutputError) Error() string { return fmt.Sprintf("output %q: %v", e.Name, e.Err) }

func (e *BadOutputError) Unwrap() error { return e.Err }

// TreeError says that a source's files are not those that the lock names.
type TreeError struct {
	From      string // where they came from
	Want, Got digest.Digest
}

func (e *TreeError) Error() string {
	return fmt.Sprintf("%s: tree is %s, the lock says %s", e.From, e.Got.Short(), e.Want.Short())
}

// SourceError says that a recipe's source did not come from where the recipe says
// it is.
type SourceError struct {
	Source recipe.SourceName
	Ref    string   // what was to be resolved for a lock; empty: a locked commit was to be fetched
	Sets   []string // files of the collection that put a folder in its place
	Err    error
}

func (e *SourceError) Error() string { return e.Err.Error() }

func (e *SourceError) Unwrap() error { return e.Err }

// SpecError says that a spec takes another file for its source than the recipe
// makes.
type SpecError struct {
	Spec    string
	Want    string   // the file that the recipe's source0 makes
	Sources []string // those that the spec names
}

func (e *SpecError) Error() string {
	have := "none"
	if len(e.Sources) > 0 {
		have = strings.Join(e.Sources, ", ")
	}
	return fmt.Sprintf("source0: makes %s: the sources of %s: %s", e.Want, e.Spec, have)
}

// ReleaseError says that a package does not have the release that its recipe's scheme
// stamps.
type ReleaseError struct {
	Package, Spec string
	Want, Got     string
}

func (e *ReleaseError) Error() string {
	return fmt.Sprintf("version: package %s has release %s: the scheme stamps %s: does %s say Release: %%{release}?", e.Package, e.Got, e.Want, e.Spec)
}
