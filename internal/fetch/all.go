package fetch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/fuel-infra/pbuild/store/digest"
)

// All fetches those of files that sink does not hold, eight at once, the largest
// first. When it returns nil, sink holds them all; otherwise those that came
// stay, so that the next run has less to do.
//
// progress, when not nil, is told how many bytes of those to fetch have come.
// Its calls come one after another and hold up the fetch. done falls back when
// a file begins anew; sizes that are unknown count in both as they come.
//
// Errors: *NoRouteError, within five seconds. *MissingError: some files are gone
// and all others are there. *MismatchError, or another error that names the URL:
// one file came from no mirror; the others were stopped. *NoMirrorError. The
// error of ctx, and those of sink. *OfflineError, at once.
func (c *Client) All(ctx context.Context, files []File, progress func(done, total int64)) error {
	todo, err := c.todo(files)
	if err != nil {
		return fmt.Errorf("fetch %w", err)
	}
	if len(todo) == 0 {
		return nil
	}
	if c.Offline {
		return &OfflineError{Files: todo}
	}
	if err := c.fetch(ctx, todo, newMeter(todo, progress)); err != nil {
		return fmt.Errorf("fetch %w", err)
	}
	return nil
}

// todo returns the files that sink lacks, each digest once. A blob of another
// size is damaged; fetching it heals it.
func (c *Client) todo(files []File) ([]File, error) {
	var out []File
	seen := make(map[digest.Digest]bool, len(files))
	for _, f := range files {
		if f.Want.IsZero() {
			return nil, fmt.Errorf("%s: no digest to check it by", shownPath(f.Path))
		}
		if err := checkFile(f.Path); err != nil {
			return nil, err
		}
		if seen[f.Want] {
			continue
		}
		seen[f.Want] = true
		if size, ok := c.sink.HasBlob(f.Want); ok && (f.Size < 0 || size == f.Size) {
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

func (c *Client) fetch(ctx context.Context, todo []File, m *meter) error {
	order := make([]int, len(todo))
	for i := range order {
		order[i] = i
	}
	// A large file that begins last would be fetched alone at the end.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(todo[b].Size, todo[a].Size) })
	missing := make([]*MissingFile, len(todo))
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(parallel, len(todo)) {
		g.Go(func() error {
			buf := make([]byte, 128<<10)
			for {
				n := int(next.Add(1)) - 1
				if n >= len(order) {
					return nil
				}
				i := order[n]
				var err error
				if missing[i], err = c.file(ctx, todo[i], m, buf); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	gone := &MissingError{}
	for _, f := range missing {
		if f != nil {
			gone.Files = append(gone.Files, *f)
		}
	}
	if len(gone.Files) > 0 {
		return gone
	}
	return nil
}

// file fetches one file. A file that is gone everywhere is no error.
func (c *Client) file(ctx context.Context, f File, m *meter, buf []byte) (*MissingFile, error) {
	targets, err := c.targets(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	failures, err := c.rounds(ctx, targets, forFiles(), func(t target) error {
		return c.request(ctx, t, func(b body) error { return c.keep(ctx, f, t, b, m, buf) })
	})
	if failures == nil {
		return nil, err
	}
	return verdict(f, failures)
}

// verdict says what the failures of all mirrors mean for a file. Wrong bytes
// weigh most. No connection to one mirror does not hide that another one says
// the file is gone.
func verdict(f File, failures []*failure) (*MissingFile, error) {
	none := &NoRouteError{URL: failures[0].t.String()}
	for _, k := range []kind{mismatch, refused, busy, broken} {
		for _, e := range failures {
			if e.kind == k {
				return nil, e
			}
		}
	}
	out := &MissingFile{Path: shownPath(f.Path), Package: f.Package}
	for _, e := range failures {
		why := e.err.Error()
		if e.kind == noRoute {
			d := e.dial()
			why = d.Why()
			none.Add(d)
		}
		out.Tried = append(out.Tried, Tried{e.t.mirror, why})
	}
	if slices.ContainsFunc(failures, func(e *failure) bool { return e.kind == gone }) {
		return out, nil
	}
	return nil, none
}
