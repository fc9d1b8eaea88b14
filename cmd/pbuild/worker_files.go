package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/fuel-infra/pbuild/internal/config"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// opened is what of the user's files a verb reads. Nothing of it leads outside,
// not even a link.
type opened struct {
	recipes *os.File                    // the directory
	folders map[recipe.SourceName]fs.FS // of --source
	sources []sourceArg
	sets    []setArg
	close   func() // what stays is swept by the next run
}

// openFiles opens the collection and the sources that at names. A worker unpacks
// what its parent sent.
func (c *console) openFiles(conf *config.Config, at places) (*opened, error) {
	if c.worker != nil {
		return c.unpackFiles(conf)
	}
	o := &opened{sources: at.sources, sets: at.sets}
	var err error
	var closeFolders func()
	if o.folders, closeFolders, err = openFolders(at.sources); err != nil {
		return nil, err
	}
	if o.recipes, err = openDir(conf.Recipes.Value); err != nil {
		closeFolders()
		return nil, err
	}
	o.close = func() { o.recipes.Close(); closeFolders() }
	return o, nil
}

func openDir(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
}

func (c *console) unpackFiles(conf *config.Config) (_ *opened, err error) {
	info := c.worker.info
	if !info.Files {
		return nil, fs.ErrNotExist
	}
	o := &opened{sources: info.Sources, sets: info.Sets, folders: map[recipe.SourceName]fs.FS{}}
	var closers []func() error
	o.close = func() {
		for _, f := range slices.Backward(closers) {
			_ = f()
		}
	}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	s, err := store.Open(conf.Store.Value)
	if err != nil {
		return nil, err
	}
	closers = append(closers, s.Close)
	scratch, err := s.Scratch("files")
	if err != nil {
		return nil, err
	}
	closers = append(closers, scratch.Close)
	if err := c.worker.Unpack(context.Background(), scratch.Dir); err != nil {
		return nil, s.NoSpace(err)
	}
	if o.recipes, err = openDir(filepath.Join(scratch.Dir, recipesTree)); err != nil {
		return nil, err
	}
	closers = append(closers, o.recipes.Close)
	for _, one := range info.Sources {
		if !one.Folder {
			continue
		}
		root, err := os.OpenRoot(filepath.Join(scratch.Dir, sourceTree(one.Name)))
		if err != nil {
			return nil, err
		}
		closers = append(closers, root.Close)
		o.folders[one.Name] = root.FS()
	}
	return o, nil
}
