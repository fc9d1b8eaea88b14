package realize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// closeSources finds out what Close wants to know of the node's sources.
func (r *Realizer) closeSources(n *Node, in *recipe.Inputs) (err error) {
	for _, name := range n.Recipe.Takes(n.Format) {
		files := n.given.files(name)
		if files == nil {
			src, ok := n.Recipe.Sources[name].(recipe.Path)
			if !ok {
				continue
			}
			if files, err = r.Recipes.SourceFolder(n.Recipe, name, src); err != nil {
				return err
			}
		}
		if in.Trees[name], err = tree.Digest(files); err != nil {
			return fmt.Errorf("%s: source %s: %w", n.Recipe.Name, name, err)
		}
		n.folders[name] = files
	}
	if main := n.folders[recipe.Main]; main != nil {
		if n.main, err = n.build().Edited(main); err != nil {
			return err
		}
	}
	if n.Format.Section() == recipe.FormatRPM {
		err = r.closeSpec(n, in)
	} else {
		err = r.closeDebian(n, in)
	}
	if err != nil {
		return err
	}
	in.Asked, err = r.Asked(n, nil)
	return err
}

// closeDebian looks for debian/, and for what its changelog stamps.
func (r *Realizer) closeDebian(n *Node, in *recipe.Inputs) (err error) {
	if n.debian, err = r.Recipes.Debian(n.Recipe); err != nil {
		return err
	}
	folder := n.debian
	var kept map[string][]byte
	switch {
	case folder != nil:
		if in.Debian, kept, err = tree.DigestKeep(folder, recipe.DebianFiles...); err != nil {
			return fmt.Errorf("%s: debian: %w", n.Recipe.Name, err)
		}
		n.control = kept["control"]
		if len(kept) < len(recipe.DebianFiles) { // or some are symlinks
			if err := n.Recipe.CheckDebian(folder); err != nil {
				return err
			}
		}
	case n.main == nil:
		return nil
	default:
		if folder, err = n.Recipe.DebianIn(n.main); err != nil {
			return err
		}
	}
	if text := kept["changelog"]; text != nil {
		in.Changelog, err = readStamp(bytes.NewReader(text))
	} else {
		in.Changelog, err = stamp(folder)
	}
	if err != nil {
		return fmt.Errorf("%s: debian/changelog: %w", n.Recipe.Name, err)
	}
	return nil
}

// closeSpec looks for the spec, and for the date of its changelog.
func (r *Realizer) closeSpec(n *Node, in *recipe.Inputs) (err error) {
	if n.spec, err = r.Recipes.Spec(n.Recipe); err != nil {
		return err
	}
	text := n.spec
	switch {
	case text != nil:
		in.Spec = digest.Of(text)
	case n.main == nil:
		return nil
	default:
		if text, err = n.Recipe.SpecIn(n.main); err != nil {
			return err
		}
	}
	date, err := rpm.ChangelogDate(text)
	if err != nil && !errors.Is(err, rpm.ErrNoChangelog) {
		return fmt.Errorf("%s: %w", n.Recipe.Name, err)
	}
	if err == nil {
		in.Changelog.Epoch = date.Unix()
		return nil
	}
	// A commit has a date of its own. Without any, that of the locked one is as
	// good as another, and does not change from day to day.
	if l, lockErr := n.Recipe.LockedSource(recipe.Main); lockErr == nil {
		in.Changelog.Epoch = l.Epoch
		return nil
	}
	return fmt.Errorf("%s: %s: %w, whose date SOURCE_DATE_EPOCH is", n.Recipe.Name, n.Recipe.RPM.Spec, rpm.ErrNoChangelog)
}

// stamp reads version and date of the newest entry of debian/changelog.
func stamp(debian fs.FS) (recipe.Stamp, error) {
	f, err := debian.Open("changelog")
	if err != nil {
		return recipe.Stamp{}, err
	}
	defer f.Close()
	return readStamp(f)
}

func readStamp(changelog io.Reader) (recipe.Stamp, error) {
	top, err := deb.ParseChangelogTop(changelog)
	if err != nil {
		return recipe.Stamp{}, err
	}
	return recipe.Stamp{Version: top.Version, Epoch: top.Date.Unix()}, nil
}
