package tree

import (
	"io/fs"
	"slices"
)

// Worktree returns a view of a folder in which people work on a source, without
// what git keeps there: .git, at the top and in submodules. No commit can hold
// such a name, so that a clean work tree is seen as its commit's tree. fsys is an
// os.Root's FS.
func Worktree(fsys fs.FS) fs.FS { return worktree{fsys.(rootFS)} }

// rootFS is what an os.Root's FS can do.
type rootFS interface {
	fs.ReadDirFS
	fs.ReadLinkFS
}

type worktree struct{ rootFS }

func (w worktree) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := w.rootFS.ReadDir(name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".git" }), err
}

func (w worktree) Sub(dir string) (fs.FS, error) {
	sub, err := fs.Sub(w.rootFS, dir)
	if err != nil {
		return nil, err
	}
	return worktree{sub.(rootFS)}, nil
}
