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
		return nil, fmt.Errorf("%s: %w", c.shown(r.Folder), err)
	}
	full := r.Folder
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

// SourceFolder returns the folder of a Path source, which the recipe calls name.
func (c *Collection) SourceFolder(r *Recipe, name string, src Path) (fs.FS, error) {
	folder, err := c.Folder(r, src.Path)
	if err != nil {
		return nil, r.at[name].Errorf("sources.%s.path: %w", strings.ReplaceAll(name, "/", ".pack."), err)
	}
	return folder, nil
}

// DebianFiles are those that no debian/ lacks: Debian policy 4.
var DebianFiles = []string{"changelog", "control", "rules"}

// Debian returns the recipe's debian/ where it lies in the recipe's folder, nil
// where it is looked for in the main source. The recipe's own counts first, so
// that a key needs no unpacked source. CheckDebian is the caller's.
func (c *Collection) Debian(r *Recipe) (fs.FS, error) {
	if _, ok := r.Sources[Main].(Dsc); ok {
		return nil, nil
	}
	folder, err := c.Folder(r, r.Deb.Debian)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recipe %s: debian: %w", r.Name, err)
	}
	return folder, nil
}

// DebianIn returns debian/ of the main source, checked.
func (r *Recipe) DebianIn(main fs.FS) (fs.FS, error) {
	info, err := fs.Lstat(main, r.Deb.Debian)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, r.Deb.at.source.Errorf("deb.debian: no folder %s in the recipe's folder, nor in source %s", r.Deb.Debian, Main)
	case err != nil:
		return nil, fmt.Errorf("recipe %s: debian: %w", r.Name, inner(err))
	case !info.IsDir():
		return nil, r.Deb.at.source.Errorf("deb.debian: %s in source %s is no folder", r.Deb.Debian, Main)
	}
	folder, err := fs.Sub(main, r.Deb.Debian)
	if err != nil {
		return nil, fmt.Errorf("recipe %s: debian: %w", r.Name, err)
	}
	return folder, r.CheckDebian(folder)
}

// CheckDebian says which file a debian/ lacks.
func (r *Recipe) CheckDebian(folder fs.FS) error {
	for _, name := range DebianFiles {
		if _, err := fs.Lstat(folder, name); err != nil {
			return r.Deb.at.source.Errorf("deb.debian: %s: %w", path.Join(r.Deb.Debian, name), inner(err))
		}
	}
	return nil
}

// maxSpec bounds a spec file, in bytes.
const maxSpec = 4 << 20

// Spec returns the recipe's spec where it lies in the recipe's folder, nil where
// it is looked for in the main source.
func (c *Collection) Spec(r *Recipe) ([]byte, error) {
	folder := fs.FS(nil)
	var err error
	if dir := path.Dir(r.RPM.Spec); dir != "." {
		folder, err = c.Folder(r, dir)
	} else {
		folder, err = fs.Sub(c.fsys, r.Folder)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recipe %s: spec: %w", r.Name, err)
	}
	text, err := readSpec(folder, path.Base(r.RPM.Spec))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, r.RPM.at.source.Errorf("rpm.spec: %s: %w", r.RPM.Spec, inner(err))
	}
	return text, nil
}

// SpecIn returns the spec of the main source.
func (r *Recipe) SpecIn(main fs.FS) ([]byte, error) {
	text, err := readSpec(main, r.RPM.Spec)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.RPM.at.source.Errorf("rpm.spec: no file %s in the recipe's folder, nor in source %s", r.RPM.Spec, Main)
	}
	if err != nil {
		return nil, r.RPM.at.source.Errorf("rpm.spec: %s in source %s: %w", r.RPM.Spec, Main, inner(err))
	}
	return text, nil
}

func readSpec(folder fs.FS, name string) ([]byte, error) {
	info, err := fs.Lstat(folder, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > maxSpec:
		return nil, fmt.Errorf("%d bytes: more than %d", info.Size(), maxSpec)
	}
	return fs.ReadFile(folder, name)
}
