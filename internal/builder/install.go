package builder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// debsInside is where the packages to install lie in the sandbox.
const debsInside = "/run/debs"

// installScript answers what is asked before dpkg starts: building the index of
// manual pages takes seconds and is dropped again.
const installScript = `echo man-db man-db/auto-update boolean false | debconf-set-selections
dpkg --force-depends --unpack ` + debsInside + `/*.deb
exec dpkg --configure --pending
`

// install lets base's dpkg install the packages over base, and moves what that
// changed to dir, which is empty.
func (m *Maker) install(ctx context.Context, j job, packages []recipe.Package, base *Image, dir string) (map[string]tree.Entry, error) {
	scratch, err := m.Store.Scratch("builder")
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	debs, err := m.linkDebs(scratch.Dir, packages)
	if err != nil {
		return nil, err
	}
	// What the packages bring must be read for the ledger in any case, so the
	// second processor does it while dpkg works on the first.
	var all []*unpacked
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		all, err = m.readAll(ctx, packages)
		return err
	})
	m.emit(event.Event{Node: j.node(), State: event.Unpacking})
	work := filepath.Join(scratch.Dir, "root")
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, err
	}
	g.Go(func() error {
		return m.run(ctx, j, sandbox.Spec{
			Lower: base.Lower(), Scratch: work,
			Binds: []sandbox.Bind{{Host: debs, Inside: debsInside}},
			Argv:  []string{"sh", "-es"}, Stdin: bytes.NewReader([]byte(installScript)),
		})
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return packagedFiles(all), replaceDir(filepath.Join(work, "upper"), dir)
}

// replaceDir renames a directory to the place of an empty one.
func replaceDir(from, to string) error {
	if err := os.Remove(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// linkDebs makes a directory in which the packages stand under their names: the
// sandbox sees these files of the store and no others, read-only.
func (m *Maker) linkDebs(scratch string, packages []recipe.Package) (string, error) {
	dir := filepath.Join(scratch, "debs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for _, p := range packages {
		if err := m.Store.Link(p.SHA256, filepath.Join(dir, path.Base(p.Path))); err != nil {
			return "", fmt.Errorf("%s: %w", path.Base(p.Path), err)
		}
	}
	return dir, nil
}

// readAll reads what packages bring without unpacking them.
func (m *Maker) readAll(ctx context.Context, packages []recipe.Package) ([]*unpacked, error) {
	out := make([]*unpacked, len(packages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)-1))
	for _, i := range largestFirst(packages) {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			d, f, u, err := m.openDeb(packages[i])
			if err != nil {
				return err
			}
			defer f.Close()
			u.entries, err = d.Contents()
			if err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
			for n := range u.entries {
				u.entries[n].Path = mergeUsr(u.entries[n].Path)
			}
			out[i] = u
			return nil
		})
	}
	return out, g.Wait()
}
