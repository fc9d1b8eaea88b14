package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

func (v *verification) checkBlobs(ctx context.Context) error {
	names, err := readNames(v.s.path(blobsDir))
	if err != nil {
		return err
	}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range names {
		group.Go(func() error { return v.checkBlob(gctx, name) })
	}
	return group.Wait()
}

func (v *verification) checkBlob(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path := blobsDir + "/" + name
	d, err := digest.ParseHex(name)
	if err != nil {
		v.problem(path, errors.New("not a blob: its name is no digest"))
		return nil
	}
	f, err := os.OpenFile(v.s.path(path), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // quarantined meanwhile
	}
	if err != nil {
		v.badBlob(name, bare(err))
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode() != 0o444 {
		v.badBlob(name, fmt.Errorf("mode %s, want %s", info.Mode(), fs.FileMode(0o444)))
	}
	h := digest.NewHasher()
	if _, err := io.Copy(h, contextReader{ctx, f}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.badBlob(name, bare(err))
		return nil
	}
	if h.Digest() != d {
		v.badBlob(name, fmt.Errorf("%w: its bytes have the digest %s", ErrCorrupt, h.Digest()))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Blobs++
	v.report.Bytes += h.Size()
	return nil
}

func (v *verification) badBlob(name string, err error) {
	v.problem(blobsDir+"/"+name, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.blobs = append(v.blobs, name)
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
