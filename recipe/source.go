package recipe

import (
	"fmt"
	"path"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Source is where files come from: a Path or a Dsc.
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

func (Path) isSource() {}
func (Dsc) isSource()  {}

// version returns the version in the file's name, which is without epoch.
func (d Dsc) version() string {
	_, v, _ := strings.Cut(strings.TrimSuffix(path.Base(d.Path), ".dsc"), "_")
	return v
}

func parseSources(v yamldoc.Value) map[string]Source {
	f := v.Fields(Main)
	if s := parseSource(f.Need(Main)); s != nil {
		return map[string]Source{Main: s}
	}
	return nil
}

func parseSource(v yamldoc.Value) Source {
	switch kind, v := v.Fields("path", "dsc").One("path", "dsc"); kind {
	case "path":
		return Path{yamldoc.As(v, parseInside)}
	case "dsc":
		f := v.Fields("path", "sha256")
		return Dsc{
			Path:   yamldoc.As(f.Need("path"), parseDscPath),
			SHA256: yamldoc.As(f.Need("sha256"), parseSHA256),
		}
	}
	return nil
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
