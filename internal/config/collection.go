package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// collectionName is the file that marks a collection; it stands in the folder of
// the recipes and may be empty.
const collectionName = "pbuild.yaml"

// recipes finds the folder of recipes: where the flag, else the environment,
// says, else the first one upward from the working directory that holds
// pbuild.yaml or recipes/pbuild.yaml. There may be none.
func (h Host) recipes(flag string) (Setting[string], error) {
	given, origin := flag, "flag --recipes"
	if given == "" {
		given, origin = h.Env("PBUILD_RECIPES"), "PBUILD_RECIPES"
	}
	if given != "" {
		dir, err := h.namedCollection(given)
		if err != nil {
			return Setting[string]{}, fmt.Errorf("%s: %w", origin, err)
		}
		return Setting[string]{dir, origin}, nil
	}
	for dir := path.Clean(h.Dir); ; dir = path.Dir(dir) {
		if found, ok := h.collectionAt(dir); ok {
			return Setting[string]{found, h.shown(path.Join(found, collectionName))}, nil
		}
		if dir == "/" {
			return Setting[string]{"", byDefault}, nil
		}
	}
}

// namedCollection returns the folder that people mean: what they name, or the
// recipes/ in it. Named, it needs no pbuild.yaml.
func (h Host) namedCollection(given string) (string, error) {
	dir, err := h.absolute(given)
	if err != nil {
		return "", err
	}
	info, err := fs.Stat(h.Files, inside(dir))
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, bare(err))
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s: not a folder", dir)
	}
	if found, ok := h.collectionAt(dir); ok {
		return found, nil
	}
	return dir, nil
}

// collectionAt returns the collection in dir. A folder above that can't be
// looked into holds none for this user.
func (h Host) collectionAt(dir string) (string, bool) {
	for _, d := range []string{dir, path.Join(dir, "recipes")} {
		info, err := fs.Stat(h.Files, inside(path.Join(d, collectionName)))
		if err == nil && info.Mode().IsRegular() {
			return d, true
		}
	}
	return "", false
}

// inside returns the name of an absolute path in Host.Files.
func inside(p string) string {
	if p = strings.TrimPrefix(path.Clean(p), "/"); p == "" {
		return "."
	}
	return p
}

// bare drops the path that an *fs.PathError repeats.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
