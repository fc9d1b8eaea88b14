package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Folder returns a folder inside a recipe's folder, such as that of a Path
// source. Each name on the way is a real folder: a symbolic link is an error,
// for it could lead to what the recipe does not show.
func (c *Collection) Folder(r *Recipe, name string) (fs.FS, error) {
	if _, err := parseInside(name); err != nil {
		return nil, fmt.Errorf("%s: %w", c.shown(r.Name), err)
	}
	full := r.Name
	for part := range strings.SplitSeq(name, "/") {
		full = path.Join(full, part)
		info, err := fs.Lstat(c.fsys, full)
		if err == nil && !info.IsDir() {
			err = errors.New("is no folder")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.shown(full), inner(err))
		}
	}
	return fs.Sub(c.fsys, full)
}

// DebianFolder is where a recipe's debian/ was found.
type DebianFolder struct {
	FS       fs.FS // its files
	InSource bool  // it lies in the main source, whose digest covers it
}

// debianFiles are those that no debian/ lacks: Debian policy 4.
var debianFiles = []string{"changelog", "control", "rules"}

// FindDebian looks for the recipe's debian/ in main, the unpacked main source,
// then in the recipe's folder.
func (c *Collection) FindDebian(r *Recipe, main fs.FS) (DebianFolder, error) {
	d := DebianFolder{InSource: true}
	info, err := fs.Lstat(main, r.Deb.Debian)
	switch {
	case err == nil && !info.IsDir():
		return DebianFolder{}, r.Deb.at.debian.Errorf("deb.debian: %s in source %s is no folder", r.Deb.Debian, Main)
	case err == nil:
		d.FS, err = fs.Sub(main, r.Deb.Debian)
	case errors.Is(err, fs.ErrNotExist):
		d.InSource = false
		d.FS, err = c.Folder(r, r.Deb.Debian)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return DebianFolder{}, r.Deb.at.debian.Errorf("deb.debian: no folder %s in source %s, nor in the recipe's folder", r.Deb.Debian, Main)
	}
	if err != nil {
		return DebianFolder{}, fmt.Errorf("recipe %s: debian: %w", r.Name, err)
	}
	for _, name := range debianFiles {
		if _, err := fs.Lstat(d.FS, name); err != nil {
			return DebianFolder{}, r.Deb.at.debian.Errorf("deb.debian: %s: %w", path.Join(r.Deb.Debian, name), inner(err))
		}
	}
	return d, nil
}
