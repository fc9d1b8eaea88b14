package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
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
		found, err := h.collectionAt(dir)
		if err != nil {
			return Setting[string]{}, err
		}
		if found != "" {
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
	found, err := h.collectionAt(dir)
	if err != nil {
		return "", err
	}
	if found != "" {
		return found, nil
	}
	return dir, nil
}

// collectionAt returns the collection in dir, "" when there is none. A folder
// above that can't be looked into holds none for this user. What leads elsewhere
// is an error, for the search would else go on to a collection that nobody means.
func (h Host) collectionAt(dir string) (string, error) {
	for _, d := range []string{dir, path.Join(dir, "recipes")} {
		file := path.Join(d, collectionName)
		info, err := fs.Lstat(h.Files, inside(file))
		if err != nil || info.IsDir() {
			continue
		}
		if d != dir {
			if folder, err := fs.Lstat(h.Files, inside(d)); err != nil || !folder.IsDir() {
				return "", fmt.Errorf("%s: %w: name the folder itself with --recipes DIR", h.shown(d), errLink)
			}
		}
		if err := plain(info); err != nil {
			return "", fmt.Errorf("%s: %w", h.shown(file), err)
		}
		return d, nil
	}
	return "", nil
}

var (
	errLink     = errors.New("a symbolic link, which is not followed")
	errNotPlain = errors.New("not a regular file")
)

// plain says why a file can't be a collection's.
func plain(info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return errLink
	case !info.Mode().IsRegular():
		return errNotPlain
	}
	return nil
}

// OpenPlain opens a regular file. A symbolic link in its place is not followed,
// and a pipe not waited for: both are errors, even where they came a moment ago.
// Links on the way to its folder are the host's, and are followed.
func OpenPlain(name string) (fs.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errLink
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = plain(info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
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
