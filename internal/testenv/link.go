package testenv

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store"
)

// linkTree gives to an unpacked layer.
func linkTree(l builder.Layer, to *store.Store) error {
	if _, err := to.Tree(l.DiffID); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	w, err := to.NewTree()
	if err != nil {
		return err
	}
	defer w.Close()
	for _, e := range l.Tree.Ledger {
		from, path := filepath.Join(l.Tree.Dir, e.Path), filepath.Join(w.Dir, e.Path)
		switch e.Kind {
		case tree.Dir:
			if e.Path != "." {
				err = os.Mkdir(path, 0o700)
			}
		case tree.Opaque:
			// As overlayfs reads it; e.Path is the marker's, in the directory that it is about.
			err = unix.Setxattr(filepath.Dir(path), "user.overlay.opaque", []byte("y"), 0)
		case tree.CharDev, tree.BlockDev: // not on disk
		default:
			err = os.Link(from, path)
		}
		if err != nil {
			return err
		}
	}
	if err := tree.SetDirs(w.Dir, l.Tree.Ledger); err != nil {
		return err
	}
	// The root is none of the ledger's, but it is what a sandbox has as /.
	info, err := os.Stat(l.Tree.Dir)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(w.Dir, info.Mode().Perm()), os.Chtimes(w.Dir, info.ModTime(), info.ModTime())); err != nil {
		return err
	}
	return w.Commit(l.DiffID, l.Tree.Ledger)
}

// linkFile makes path a link to from unless it exists.
func linkFile(from, path string) error {
	err := os.Link(from, path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
