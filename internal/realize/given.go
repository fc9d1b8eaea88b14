package realize

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/recipe"
)

// Given is a source that stands in the place of one of a recipe's for a run.
type Given struct {
	Where  string         // as people named it
	Files  fs.FS          // a folder's; nil: Source counts
	Source recipe.Source  // one that a recipe could name
	Locked *recipe.Locked // what Source was resolved to, where it is one to be locked
	Must   bool           // a run that does not take it is an error of Plan
}

// untaken says which given source that must be taken no node takes.
func (r *Realizer) untaken(nodes []*Node) error {
	names := slices.SortedFunc(maps.Keys(r.Given), func(a, b recipe.SourceName) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range names {
		g := r.Given[name]
		takes := func(n *Node) bool {
			return n.Recipe.Folder == name.Recipe && slices.Contains(n.Recipe.Takes(n.Format), name.Source)
		}
		if g.Must && !slices.ContainsFunc(nodes, takes) {
			return &UntakenError{name, g.Where}
		}
	}
	return nil
}

// UntakenError says that nothing of a run takes a source that was given for it.
type UntakenError struct {
	Source recipe.SourceName
	Where  string
}

func (e *UntakenError) Error() string {
	return fmt.Sprintf("source %s=%s: nothing that was asked for takes it", e.Source, e.Where)
}

// givens are what is given of a recipe's sources, in the order of Recipe.Takes.
type givens []struct {
	Given
	name string // of the source
}

// given returns what is given of the sources that a format takes.
func (r *Realizer) given(rec *recipe.Recipe, f recipe.Format) (all givens) {
	if len(r.Given) == 0 {
		return nil
	}
	for _, name := range rec.Takes(f) {
		if g, ok := r.Given[recipe.SourceName{Recipe: rec.Folder, Source: name}]; ok {
			all = append(all, struct {
				Given
				name string
			}{g, name})
		}
	}
	return all
}

// replace returns the recipe with what is given, where that is no folder. Another
// target may have the same recipe, which stays.
func (gs givens) replace(rec *recipe.Recipe) (*recipe.Recipe, error) {
	own := *rec
	for _, g := range gs {
		if g.Source == nil {
			continue
		}
		if err := own.Replace(g.name, g.Source, g.Locked); err != nil {
			return nil, err
		}
	}
	return &own, nil
}

// files returns the folder that is given for a source; nil: none.
func (gs givens) files(name string) fs.FS {
	for _, g := range gs {
		if g.name == name {
			return g.Files
		}
	}
	return nil
}

// where names the sources as people named them.
func (gs givens) where() string {
	var all []string
	for _, g := range gs {
		if !slices.Contains(all, g.Where) {
			all = append(all, g.Where)
		}
	}
	return strings.Join(all, ", ")
}

// note says what took the place of a recipe's own sources. What has the locked
// tree is what was locked, whoever gave it.
func (gs givens) note(in map[string]recipe.Input, own map[string]recipe.Locked, rec *recipe.Recipe) string {
	names, said := map[string][]string{}, []string{} // by what is said of them
	for _, g := range gs {
		locked, ok := own[g.name]
		_, isGit := rec.Sources[g.name].(recipe.Git)
		what := g.Where + ", not the recipe's own"
		switch {
		case isGit && !ok:
			what = g.Where + "; no commit is locked"
		case ok && in[g.name].Commit == locked.Commit:
			what = fmt.Sprintf("%s: holds the locked commit %s", g.Where, locked.Commit[:12])
		case ok && g.name != recipe.Main:
			what = g.Where + ", not the locked commit"
		case ok:
			what = fmt.Sprintf("%s, not the locked commit %s", g.Where, locked.Commit[:12])
		}
		if names[what] == nil {
			said = append(said, what)
		}
		names[what] = append(names[what], g.name)
	}
	for i, what := range said {
		switch of := names[what]; {
		case slices.Equal(of, []string{recipe.Main}):
			said[i] = "source " + what
		case len(of) == 1:
			said[i] = fmt.Sprintf("source %s: %s", of[0], what)
		default:
			said[i] = fmt.Sprintf("sources %s … %s (%d): %s", of[0], of[len(of)-1], len(of), what)
		}
	}
	return strings.Join(said, "; ")
}
