package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/git"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/lock"
	"github.com/fuel-infra/pbuild/internal/outdir"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/internal/worker"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// hints returns what a person can do about err, the best first; often nothing. Lines
// to type have the flags of again.
func hints(err error, again repeated) (out []string) {
	var (
		unbuilt  *unbuiltError
		usage    *usageError
		notBuilt *notBuiltError
		unknown  *recipe.UnknownError
		stage    *sandbox.StageError
		offline  *fetch.OfflineError
		noRoute  *fetch.NoRouteError
		noMirror *fetch.NoMirrorError
		missing  *fetch.MissingError
		mismatch *fetch.MismatchError
		image    *builder.MismatchError
		maker    *realize.AmbiguousError
		kept     *realize.KeptError
		damage   *damageError
		left     *leftError
		refused  *resolve.RefusedError
		closing  *recipe.CloseError
		older    *resolve.OlderError
		source   *realize.SourceError
		offGit   *git.OfflineError
		noCommit *git.NotFoundError
		depends  *lock.UnknownDependencyError
		given    *realize.GivenError
		outFull  *outdir.SpaceError
	)
	switch {
	case errors.As(err, &usage):
		if usage.hint != "" {
			out = append(out, usage.hint)
		}
	case errors.As(err, &notBuilt):
		out = append(out, again.line("store", "ls"))
	case errors.As(err, &unknown):
		if len(unknown.Near) == 0 && !strings.HasPrefix(unknown.What, "source of ") {
			out = append(out, "a "+unknown.What+" of another collection?  --recipes DIR")
		}
	case errors.As(err, &stage):
		if stage.Hint != "" {
			out = append(out, stage.Hint)
		}
		out = append(out, again.line("doctor"))
	case errors.As(err, &given) && errors.Is(given.Err, recipe.ErrLock):
		out = append(out, "lock what that source asks for:  "+again.line("lock", given.Recipe, "--source", given.Recipe+"=REPOSITORY@COMMIT"))
	case errors.Is(err, recipe.ErrLock) && errors.As(err, &closing):
		out = append(out, again.line("lock", closing.Recipe))
	case errors.As(err, &depends):
		out = append(out, fmt.Sprintf("called otherwise there?  in %s:  %q: [PACKAGE]   (or, not needed:  {none: WHY})", recipe.DependenciesName, depends.Name))
	case errors.As(err, &unbuilt):
		out = append(out, again.line("realize", unbuilt.name), "without building:  "+again.line("key", unbuilt.name, "--plan"))
	case errors.As(err, &kept):
		out = append(out, "the build's files are in "+kept.Dir)
	case errors.As(err, &maker):
		out = append(out, "name the recipe")
	case errors.As(err, &image):
		out = append(out, "changed on purpose?  "+again.line("builder", "build", "NAME", "--write-lock"))
	case errors.Is(err, builder.ErrNotLocked):
		out = append(out, again.line("lock", "--builders", "NAME"))
	case errors.As(err, &refused):
		out = append(out, "does something on the way change files?  another mirror: --mirror URL")
	case errors.As(err, &older):
		out = append(out, "a mirror that is up to date?  --mirror URL")
	case errors.Is(err, errNoCollection):
		out = append(out, "--recipes DIR, or PBUILD_RECIPES; a new one:  pbuild init")
	case errors.Is(err, realize.ErrNoRecipes):
		out = append(out, "a recipe is a folder there with a recipe.yaml; those of another collection?  --recipes DIR")
	case errors.As(err, &offline), errors.As(err, &offGit):
		out = append(out, "the same line without --offline fetches what is missing, once")
	case errors.As(err, &missing):
		out = append(out, "a mirror that still has them, such as a dated snapshot archive?  --mirror URL")
	case errors.As(err, &source) && errors.As(err, &noRoute):
		out = append(out, sourceHints(source, again)...)
	case errors.As(err, &source) && errors.As(err, &noCommit) && source.Ref == "":
		out = append(out, "was it rebased away?  "+again.line("update", source.Source.Recipe))
	case errors.As(err, &noRoute):
		out = append(out, "another mirror?  --mirror URL")
	case errors.As(err, &noMirror):
		out = append(out, "--mirror URL, or in ~/.config/pbuild/config.yaml:  debian: [URL]")
	case errors.As(err, &mismatch):
		out = append(out, "does a proxy on the way change files?  another mirror: --mirror URL")
	case errors.Is(err, worker.ErrNotMapped):
		out = append(out, "run pbuild outside of the namespace, or as an ordinary user")
	case errors.As(err, &outFull):
		out = append(out, "another disk?  --out DIR")
	case errors.Is(err, store.ErrNoSpace), errors.Is(err, syscall.ENOSPC):
		out = append(out, fullHints(again)...)
	case errors.Is(err, store.ErrNewer):
		out = append(out, "use that one, or another --store DIR")
	case errors.Is(err, store.ErrFormat):
		out = append(out, "another directory?  --store DIR",
			"a store whose file «format» is damaged?  remove that file, then:  "+again.line("store", "verify", "--repair"))
	case errors.Is(err, store.ErrOwner):
		out = append(out, "a store of your own:  --store DIR")
	case errors.Is(err, store.ErrBusy):
		out = append(out, "once more when the other pbuild is done")
	case errors.As(err, &damage):
		out = append(out, again.line("store", "verify", "--repair"))
	case errors.As(err, &left):
		out = append(out, leftHints(left, again)...)
	case errors.Is(err, store.ErrCorrupt):
		out = append(out, "realize it again: a damaged file is moved aside when it is read, and made anew",
			"is more of it damaged?  "+again.line("store", "verify", "--repair"))
	}
	return out
}

// sourceHints returns what a person can do without a way to a source.
func sourceHints(e *realize.SourceError, again repeated) (out []string) {
	name, source := e.Source.Recipe, e.Source.String()
	if e.Ref != "" {
		return append(out, "have a clone?  "+again.line("lock", name, "--source", source+"=DIR@"+e.Ref))
	}
	again = again.without(source)
	out = append(out, "have a clone?  "+again.line("realize", name, "--source", source+"=DIR"))
	for _, set := range e.Sets {
		out = append(out, "just looking?  "+again.line("realize", name, "--set", flagWord(set))+"   (same layout, our own text)")
	}
	return out
}

// nodeHints returns what a person can do about a node that failed in a run of verb.
func nodeHints(verb string, e event.Event, again repeated) []string {
	out := append(limitHints(e.Err, again), hints(e.Err, again)...)
	if errors.Is(e.Err, recipe.ErrLock) && len(out) == 0 {
		out = append(out, again.line("lock", e.Node.Name))
	}
	kept := errors.As(e.Err, new(*realize.KeptError))
	if kept && verb == "shell" {
		return nil // it is about to begin, there
	}
	if failureCode(e.Err) != exitBuildFailed {
		return out
	}
	node := []string{e.Node.Name, "--format", e.Node.Format}
	if e.Node.Format == "image" {
		node = node[:1]
	}
	of := func(verb string, flags ...string) string {
		return again.line(slices.Concat([]string{verb}, node, flags)...)
	}
	// The log of a program that failed was shown with where the whole of it is.
	if !errors.As(e.Err, new(*realize.BuildError)) {
		out = append(out, of("log"))
	}
	out = append(out, of("shell", "--failed"))
	if !kept {
		out = append(out, again.line("realize", e.Node.Name, "--keep-failed"))
	}
	return out
}

// fullHints returns what a person can do about a full disk.
func fullHints(again repeated) []string {
	return []string{
		again.line("store", "gc"), "what was used lately too:  " + again.line("store", "gc", "--keep-within", "0"),
		"another disk?  --store DIR",
	}
}

// limitHints returns what to write for a build or an image that needs more than it
// may take.
func limitHints(err error, again repeated) (out []string) {
	var build *realize.BuildError
	var limit *sandbox.LimitError
	if !errors.As(err, &limit) {
		return nil
	}
	if limit.Limit == sandbox.FreeLimit || limit.Limit == sandbox.InodesLimit {
		return fullHints(again)
	}
	if !errors.As(err, &build) { // an image, which has no recipe
		text, _, _ := limits.Policy{}.Raised(limit.Limit, limit.Max)
		return []string{"does it need more?  in pbuild.yaml, or where you allow less in ~/.config/pbuild/config.yaml:  " + text}
	}
	text, recipe, user := build.Allowed.Raised(limit.Limit, limit.Max)
	if recipe {
		out = append(out, "does it need more?  in "+build.Recipe+":  "+text)
	}
	if user {
		out = append(out, "do you allow more?  in ~/.config/pbuild/config.yaml:  "+text)
	}
	return out
}
