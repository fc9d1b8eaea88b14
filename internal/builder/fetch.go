package builder

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// fetch gets the packages into the store. Those that were there already are read
// once more: what was damaged meanwhile is fetched again.
func (m *Maker) fetch(ctx context.Context, node event.Node, packages []recipe.Package) error {
	files := make([]fetch.File, len(packages))
	for i, p := range packages {
		files[i] = fetch.File{Path: p.Path, Package: p.Name, Want: p.SHA256, Size: p.Size}
	}
	for again := false; ; again = true {
		err := m.Fetch.All(ctx, files, func(done, total int64) {
			m.emit(event.Event{Node: node, State: event.Fetching, Done: done, Total: total})
		})
		if err == nil {
			err = m.verify(ctx, packages)
		}
		if again || !errors.Is(err, store.ErrCorrupt) {
			return err
		}
	}
}

// verify reads each package whole. The store puts aside what is damaged, all of
// which has been found when the error is store.ErrCorrupt.
func (m *Maker) verify(ctx context.Context, packages []recipe.Package) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range packages {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := m.Store.CheckBlob(p.SHA256); err != nil {
				return fmt.Errorf("%s: %w", path.Base(p.Path), err)
			}
			return nil
		})
	}
	return g.Wait()
}
