package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Source is where files come from: a Path, a Git or a Dsc.
type Source interface{ isSource() }

// Path is a folder inside the recipe's folder. It is not locked: its tree is
// hashed at each run.
type Path struct {
	Path string // e.g. src; relative, slashes, clean
}

// Dsc is a Debian source package (dsc(5)) on a mirror. The .dsc names its other
// files, which lie beside it, by sha256.
type Dsc struct {
	Path   string        // below the mirror's root, e.g. pool/main/t/tree/tree_2.1.0-1.dsc
	SHA256 digest.Digest // of the .dsc
}

// Git is a commit of a git repository. recipe.lock holds which commit it is and
// the digest of its tree.
type Git struct {
	URL        string
	Mirrors    []string // other places of the same repository, in order
	Ref        string   // a full commit id, a branch or a tag
	Submodules bool     // their files belong to the source
}

func (Path) isSource() {}
func (Git) isSource()  {}
func (Dsc) isSource()  {}

// version returns the version in the file's name, which is without epoch.
func (d Dsc) version() string {
	_, v, _ := strings.Cut(strings.TrimSuffix(path.Base(d.Path), ".dsc"), "_")
	return v
}

// parseSources returns the sources, those of a pack as PACK/FOLDER, and where each
// stands, packs too.
//
// Those of over, a variant's, stand in the place of those of v.
func parseSources(v, over yamldoc.Value) (map[string]Source, map[string]yamldoc.Position) {
	all, at := map[string]Source{}, map[string]yamldoc.Position{}
	entries, instead := v.Entries(), over.Entries()
	names := []string{Main}
	for _, e := range entries {
		names = append(names, e.Key.Text())
	}
	own := slices.DeleteFunc(slices.Clone(entries), func(e yamldoc.Entry) bool {
		return slices.ContainsFunc(instead, func(o yamldoc.Entry) bool { return o.Key.Text() == e.Key.Text() })
	})
	for _, e := range append(own, instead...) {
		name := yamldoc.As(e.Key, parseName)
		at[name] = e.Value.Position()
		kinds := []string{"path", "git", "pack"}
		if name == Main {
			kinds = []string{"path", "git", "dsc"}
		}
		s, parts := parseSource(e.Value, kinds)
		if s != nil {
			all[name] = s
		}
		for _, part := range parts {
			full := name + "/" + yamldoc.As(part.Key, parsePart)
			at[full] = part.Value.Position()
			if s, _ := parseSource(part.Value, []string{"path", "git"}); s != nil {
				all[full] = s
			}
		}
	}
	v.Fields(names...).Need(Main)
	return all, at
}

// gitFields are what belongs to a git source beside its URL.
var gitFields = []string{"mirrors", "ref", "submodules"}

// parseSource reads a source of one of kinds; of a pack, which is none itself, it
// returns the parts.
func parseSource(v yamldoc.Value, kinds []string) (Source, []yamldoc.Entry) {
	f := v.Fields(slices.Concat(kinds, gitFields)...)
	kind, what := f.One(kinds...)
	if kind != "git" {
		for _, name := range gitFields {
			if other := f.Get(name); kind != "" && other.Present() {
				other.Errorf("belongs to git")
			}
		}
	}
	switch kind {
	case "path":
		return Path{yamldoc.As(what, parseInside)}, nil
	case "git":
		g := Git{
			URL: yamldoc.As(what, parseGitURL), Ref: yamldoc.As(f.Need("ref"), parseRef),
			Submodules: f.Get("submodules").Bool(),
		}
		if m := f.Get("mirrors"); m.Present() {
			g.Mirrors = parseList(m, parseGitURL)
		}
		return g, nil
	case "dsc":
		f := what.Fields("path", "sha256")
		return Dsc{
			Path:   yamldoc.As(f.Need("path"), parseDscPath),
			SHA256: yamldoc.As(f.Need("sha256"), parseSHA256),
		}, nil
	case "pack":
		parts := what.Entries()
		if parts != nil && len(parts) == 0 {
			what.Errorf("want at least one")
		}
		return nil, parts
	}
	return nil, nil
}

// parseDscPath checks pool/…/NAME_VERSION.dsc.
func parseDscPath(s string) (string, error) {
	if _, err := parsePool(s); err != nil {
		return "", err
	}
	name, ok := strings.CutSuffix(path.Base(s), ".dsc")
	source, version, under := strings.Cut(name, "_")
	if !ok || !under {
		return "", fmt.Errorf("path %q: want …/NAME_VERSION.dsc", s)
	}
	if _, err := parsePackage(source); err != nil {
		return "", fmt.Errorf("path %q: %w", s, err)
	}
	if _, err := parseVersion(version); err != nil {
		return "", fmt.Errorf("path %q: %w", s, err)
	}
	return s, nil
}

// parseSHA256 reads 64 hexadecimal digits, not all zero.
func parseSHA256(s string) (digest.Digest, error) { return notZero(digest.ParseHex(s)) }

// parseDigest reads "sha256:" and 64 hexadecimal digits, not all zero: the zero
// digest means «none» in values.
func parseDigest(s string) (digest.Digest, error) { return notZero(digest.Parse(s)) }

func notZero(d digest.Digest, err error) (digest.Digest, error) {
	if err == nil && d.IsZero() {
		return d, fmt.Errorf("digest: all zero")
	}
	return d, err
}
