package realize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// PackTree puts a source tree into the store, where its digest finds it again,
// and returns the blob: the tar that tree.PackSource writes, with times of 0 so
// that it is the same for all commits that have the tree, in zstd.
func PackTree(s *store.Store, files fs.FS, id digest.Digest) (digest.Digest, error) {
	w, err := s.Create()
	if err != nil {
		return digest.Digest{}, err
	}
	defer w.Close()
	z, err := zstd.NewWriter(w)
	if err != nil {
		return digest.Digest{}, err
	}
	err = tree.PackSource(z, files, time.Unix(0, 0))
	if err := errors.Join(err, z.Close()); err != nil {
		return digest.Digest{}, err
	}
	blob, _, err := w.Commit(nil)
	if err != nil {
		return digest.Digest{}, err
	}
	return blob, s.PutSource(id, blob)
}

// unpack makes the main source's files ready to be copied into the build, and
// holds what they ask for against the lock.
func (s *site) unpack(ctx context.Context) error {
	if err := s.open(ctx); err != nil || s.node.main != nil || s.main == nil {
		return err
	}
	return s.checkLocked(s.main)
}

// open opens the main source's files: of a folder, or unpacked from the blob of a
// commit. A Debian source package stays closed.
func (s *site) open(ctx context.Context) error {
	if s.main = s.node.main; s.main != nil || s.sources[recipe.Main].tree.IsZero() {
		return nil
	}
	files, err := s.files(ctx, recipe.Main)
	if err != nil {
		return err
	}
	s.main, err = s.node.build().Edited(files)
	return err
}

// files returns the files of a source: of a folder, or unpacked from the blob of a
// commit.
func (s *site) files(ctx context.Context, name string) (fs.FS, error) {
	if files := s.node.folders[name]; files != nil {
		return files, nil
	}
	if files := s.others[name]; files != nil {
		return files, nil // of several archives
	}
	dir := filepath.Join(s.scratch.Dir, "source-"+strings.ReplaceAll(name, "/", "+"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.unpackTree(ctx, name, dir); err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s.opened = append(s.opened, root)
	if s.others == nil {
		s.others = map[string]fs.FS{}
	}
	s.others[name] = root.FS()
	return s.others[name], nil
}

// unpackTree unpacks a source's blob, which PackTree wrote.
func (s *site) unpackTree(ctx context.Context, name, dir string) error {
	blob := s.sources[name].tree
	b, err := s.Store.OpenBlob(blob)
	if err != nil {
		return err
	}
	defer b.Close()
	z, err := zstd.NewReader(b)
	if err != nil {
		return err
	}
	defer z.Close()
	l, err := tree.Unpack(ctx, z, dir, tree.UnpackOptions{})
	if err == nil {
		err = tree.SetDirs(dir, l)
	}
	// Only the blob's end tells whether it is what was put.
	if _, readErr := io.Copy(io.Discard, b); readErr != nil {
		return readErr
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	got, err := tree.Digest(root.FS())
	if want := s.node.Derivation.Sources[name].Digest; err == nil && got != want {
		err = &TreeError{From: "the store", Want: want, Got: got}
	}
	return err
}

// checkLocked holds a source that was not at hand when the key was made against
// what the lock says of it.
func (s *site) checkLocked(main fs.FS) error {
	asked, err := s.Asked(s.node, main)
	if err != nil {
		return err
	}
	if err := s.node.Recipe.CheckAsked(s.node.Format, *asked); err != nil {
		return fmt.Errorf("%s: %w", s.node.Format, err)
	}
	if s.node.Format.Section() != recipe.FormatDeb || s.node.debian != nil {
		return nil
	}
	folder, err := s.node.Recipe.DebianIn(main)
	if err != nil {
		return err
	}
	got, err := stamp(folder)
	d := s.node.Derivation
	version := cmp.Or(d.Own, d.Stamp.Version)
	_, isGit := s.node.Recipe.Sources[recipe.Main].(recipe.Git)
	switch {
	case err != nil:
		return fmt.Errorf("source %s: debian/changelog: %w", recipe.Main, err)
	case got.Version != version || !isGit && got.Epoch != d.Stamp.Epoch:
		return fmt.Errorf("source %s: %w: the changelog says %s at %d", recipe.Main, recipe.ErrLock, got.Version, got.Epoch)
	}
	return nil
}
