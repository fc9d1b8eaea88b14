package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Template is what one kind of source is stamped with.
type Template struct {
	Version string // of a deb the upstream version, without epoch and revision; of an rpm empty: the spec's
	Release string // of a deb the revision
}

// parseTemplate checks a template: what stands between its variables can be part of
// a version.
func parseTemplate(s string, variables []string) (string, error) {
	text, err := expand(s, func(name string) (string, error) {
		if !slices.Contains(variables, name) {
			return "", fmt.Errorf("%%{%s}: unknown%s", name, yamldoc.Meant(name, variables))
		}
		return "0", nil
	})
	if err == nil && !revisionForm.match(text) {
		err = fmt.Errorf("%q: want a-z A-Z 0-9 . + ~ and variables such as %%{count}", s)
	}
	return s, err
}

// expand replaces the variables of a template.
func expand(s string, value func(name string) (string, error)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "%{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%%{%s: without an end", name)
		}
		v, err := value(name)
		if err != nil {
			return "", err
		}
		out.WriteString(v)
		s = after
	}
}

// Variables are what a template can name.
type Variables struct {
	Own    string        // %{version}: the upstream version of debian/changelog; of a deb only
	Pinned Locked        // what the recipe's own source is locked to: %{count}, %{next} (one more), %{branch}, %{tag} (as a version)
	Commit string        // %{commit}, and its first seven digits, %{short}
	Epoch  int64         // of Commit; %{date} is its day in UTC, e.g. 20150903
	Tree   digest.Digest // %{tree}: its first twelve digits
}

// Expand makes version and release; an empty version is the spec's own.
func (t Template) Expand(v Variables) (version, release string, err error) {
	if version, err = expand(t.Version, v.value); err != nil {
		return "", "", err
	}
	release, err = expand(t.Release, v.value)
	return version, release, err
}

func (v Variables) value(name string) (string, error) {
	missing := func(what string) (string, error) { return "", fmt.Errorf("%%{%s}: %s", name, what) }
	switch name {
	case "version":
		return v.Own, nil
	case "count", "next":
		n := v.Pinned.Count
		if n == 0 {
			return missing("no commit of the recipe's source is locked, whose history could be counted")
		}
		if name == "next" {
			n++
		}
		return strconv.Itoa(n), nil
	case "commit", "short":
		if v.Commit == "" {
			return missing("the source is no commit")
		}
		if name == "short" {
			return v.Commit[:7], nil
		}
		return v.Commit, nil
	case "date":
		return time.Unix(v.Epoch, 0).UTC().Format("20060102"), nil
	case "tree":
		return v.Tree.Hex()[:12], nil
	case "branch":
		if v.Pinned.Kind != RefBranch {
			return missing("the recipe's ref is no branch")
		}
		// What a version can't hold is left out: Debian policy 5.6.12.
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune(alnum+".", r) {
				return r
			}
			return '.'
		}, v.Pinned.Ref), nil
	case "tag":
		version, ok := TagVersion(v.Pinned.Ref)
		if v.Pinned.Kind != RefTag || !ok {
			return missing("the recipe's ref is no tag that names a version")
		}
		return version, nil
	}
	return missing("unknown")
}
