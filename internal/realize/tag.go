package realize

import (
	"strings"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// stampedTag returns the tag that the main source was locked by; empty where it was no
// tag, where another commit is built, and where no scheme stamps anything.
func (n *Node) stampedTag() string {
	d, pinned := n.Derivation, n.in.Pinned[recipe.Main]
	if d.Release == "" || pinned.Kind != recipe.RefTag || d.Sources[recipe.Main].Commit != pinned.Commit {
		return ""
	}
	return pinned.Ref
}

// checkTag holds the version that a spec says against the tag. A deb's is known before
// a build, where recipe.Close does that.
func (n *Node) checkTag(version string) error {
	if tag := n.stampedTag(); tag != "" && recipe.Contradicts(tag, version) {
		return &recipe.TagError{Tag: tag, Own: version, File: n.Recipe.RPM.Spec}
	}
	return nil
}

// checkTagOf is checkTag for packages that were built, perhaps by another tag of the
// commit: tags are not in the key. One of them has the spec's version.
func (n *Node) checkTagOf(files []store.File) (err error) {
	for _, f := range files {
		version := withoutEpoch(f.Version)
		if i := strings.LastIndexByte(version, '-'); i >= 0 {
			version = version[:i]
		}
		if err = n.checkTag(version); err == nil {
			return nil
		}
	}
	return err
}
