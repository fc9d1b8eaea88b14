package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/recipe"
)

// maxLock bounds a lock, in bytes.
const maxLock = 64 << 20

// putBuilderFile gives a file beside a builder's definition its content.
func (c *console) putBuilderFile(collection, name string, content []byte) error {
	if c.worker != nil {
		return c.worker.Put(kindLock, name, int64(len(content)), bytes.NewReader(content))
	}
	return replaceFile(collection, path.Join("builders", name), content)
}

// putRecipeFile gives a file of a recipe's lock its content; without any it is
// removed.
func (c *console) putRecipeFile(collection, name, file string, content []byte) error {
	if c.worker != nil {
		return c.worker.Put(kindRecipe, name+":"+file, int64(len(content)), bytes.NewReader(content))
	}
	return replaceFile(collection, path.Join(recipe.LockFolder(name), file), content)
}

// putLock writes a file of a builder's lock that a worker hands over.
func putLock(collection, name string, r io.Reader) error {
	content, err := io.ReadAll(io.LimitReader(r, maxLock))
	if err != nil {
		return err
	}
	return replaceFile(collection, path.Join("builders", name), content)
}

// putRecipeLock writes a file of a recipe's lock that a worker hands over; the
// recipe has to be there.
func putRecipeLock(collection, name string, r io.Reader) error {
	of, file, _ := strings.Cut(name, ":")
	folder, variant, varied := strings.Cut(of, "+")
	known := []string{recipe.LockName, recipe.PackagesName(recipe.FormatDeb), recipe.PackagesName(recipe.FormatRPM)}
	if !slices.Contains(known, file) || !fs.ValidPath(folder) || folder == "." || strings.Contains(folder, "/") ||
		varied && (!fs.ValidPath(variant) || variant == "." || strings.Contains(variant, "/")) {
		return fmt.Errorf("worker: hands over a lock %q", name)
	}
	root, err := os.OpenRoot(collection)
	if err != nil {
		return err
	}
	_, err = root.Lstat(path.Join(folder, "recipe.yaml"))
	if err := errors.Join(err, root.Close()); err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(r, maxLock))
	if err != nil {
		return err
	}
	return replaceFile(collection, path.Join(recipe.LockFolder(of), file), content)
}

// replaceFile gives a file of the collection its content in one step; without
// any it is removed. No link leads out of the collection, whoever made it.
func replaceFile(collection, name string, content []byte) (err error) {
	root, err := os.OpenRoot(collection)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if len(content) == 0 {
		if err := root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	// A variant's first lock makes its folder, in that of the recipe, which is there.
	if folder, _, below := strings.Cut(path.Dir(name), "/"); below {
		if _, err := root.Stat(folder); err != nil {
			return err
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
	}
	temp := name + ".new"
	if err := root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return root.Rename(temp, name)
}
