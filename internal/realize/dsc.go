package realize

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// fetchWhole fetches files. Those that were in the store already are read once
// more: what was damaged meanwhile is fetched again.
func (r *Realizer) fetchWhole(ctx context.Context, n *Node, files []fetch.File) error {
	for again := false; ; again = true {
		err := r.Fetch.All(ctx, files, func(done, total int64) {
			r.emit(event.Event{Node: n.event(), State: event.Fetching, Done: done, Total: total})
		})
		if err == nil {
			err = r.check(files)
		}
		if again || !errors.Is(err, store.ErrCorrupt) {
			return err
		}
	}
}

// check reads each file whole. The store puts aside what is damaged, all of which
// has been found when the error is store.ErrCorrupt.
func (r *Realizer) check(files []fetch.File) error {
	var errs []error
	for _, f := range files {
		if err := r.Store.CheckBlob(f.Want); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path.Base(f.Path), err))
		}
	}
	return errors.Join(errs...)
}

// maxDsc bounds a .dsc, in bytes.
const maxDsc = 1 << 20

// dscFiles reads a fetched .dsc and returns the files that it names, to fetch,
// and all by name, the .dsc among them.
func (r *Realizer) dscFiles(src recipe.Dsc) ([]fetch.File, map[string]digest.Digest, error) {
	body, err := r.Store.ReadBlob(src.SHA256, maxDsc)
	if err != nil {
		return nil, nil, err
	}
	dsc, err := deb.ParseDsc(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path.Base(src.Path), err)
	}
	names := map[string]digest.Digest{path.Base(src.Path): src.SHA256}
	var files []fetch.File
	for _, f := range dsc.Files {
		if _, twice := names[f.Name]; twice {
			return nil, nil, fmt.Errorf("%s: names %s twice", path.Base(src.Path), f.Name)
		}
		names[f.Name] = f.SHA256
		files = append(files, fetch.File{
			Path: path.Join(path.Dir(src.Path), f.Name), Package: dsc.Source, Want: f.SHA256, Size: f.Size,
		})
	}
	return files, names, nil
}
