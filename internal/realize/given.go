package realize

import (
	"fmt"
	"io/fs"

	"github.com/fuel-infra/pbuild/recipe"
)

// Given is a source that stands in the place of a recipe's main one for a run.
type Given struct {
	Where  string         // as people named it
	Files  fs.FS          // a folder's; nil: Source counts
	Source recipe.Source  // one that a recipe could name
	Locked *recipe.Locked // what Source was resolved to, where it is one to be locked
}

// own is a recipe's own main source.
type own struct {
	source recipe.Source
	locked recipe.Locked // zero: not locked
}

func ownSource(rec *recipe.Recipe) own {
	o := own{source: rec.Sources[recipe.Main]}
	if l, err := rec.LockedSource(recipe.Main); err == nil {
		o.locked = l
	}
	return o
}

// note says what took the place of a recipe's own source. What has the locked
// tree is what was locked, whoever gave it.
func (g Given) note(in recipe.Input, o own) string {
	_, isGit := o.source.(recipe.Git)
	switch {
	case isGit && o.locked.Commit == "":
		return fmt.Sprintf("source %s; no commit is locked", g.Where)
	case isGit && in.Commit == o.locked.Commit:
		return fmt.Sprintf("source %s: holds the locked commit %s", g.Where, o.locked.Commit[:12])
	case isGit:
		return fmt.Sprintf("source %s, not the locked commit %s", g.Where, o.locked.Commit[:12])
	}
	return fmt.Sprintf("source %s, not the recipe's own", g.Where)
}
