package recipe

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// View returns a view of a collection's folder that has only what a collection
// is made of at its top: the folders of recipes and those that it reserves, and
// .yaml files. What else people keep there, such as result/, is nobody's to read.
// fsys is an os.Root's FS.
func View(fsys fs.FS) fs.FS { return view{fsys.(rootFS)} }

// rootFS is what an os.Root's FS can do.
type rootFS interface {
	fs.ReadDirFS
	fs.ReadLinkFS
}

type view struct{ rootFS }

func (v view) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := v.rootFS.ReadDir(name)
	if name != "." {
		return entries, err
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !v.belongs(e) }), err
}

// belongs reports whether an entry at the top is part of the collection. A folder
// that has something called recipe.yaml is one, so that it is judged as a recipe;
// so is a link in a recipe's place.
func (v view) belongs(e fs.DirEntry) bool {
	if _, err := parseName(e.Name()); err == nil && e.Type()&fs.ModeSymlink != 0 {
		return true
	}
	if !e.IsDir() {
		return strings.HasSuffix(e.Name(), ".yaml") && e.Type()&^fs.ModeSymlink == 0
	}
	if slices.Contains(reservedFolders, e.Name()) {
		return true
	}
	_, err := v.Lstat(path.Join(e.Name(), "recipe.yaml"))
	return err == nil
}
