package realize

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/fuel-infra/pbuild/internal/outdir"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Out is where package files go when they leave the store.
type Out interface {
	// Put writes a file, whole or not at all. The name has no slash. It may be
	// called by several goroutines at once. store.ErrNotFound and store.ErrCorrupt
	// say that the blob was lost or damaged; once it is made again, Put may be
	// called again.
	//
	// Bytes that are handed out were proved. A blob that need not be handed out,
	// because the file is there already, need not be read: that it is good is said
	// by Store.Verify.
	Put(name string, d digest.Digest, size int64) error
	Close() error
}

// OutDir returns an Out that puts files into dir, which is made when the first
// one comes. Each appears whole or not at all, mode 0644, as a reflink where the
// file system can and a copy elsewhere, so that editing it can't harm the store.
// A file that is there with the same bytes is left alone, and the blob is not
// read: both would take twice as long, seconds for a set of gigabytes.
func OutDir(s *store.Store, dir string) Out { return &outDir{s, dir} }

type outDir struct {
	store *store.Store
	dir   string
}

func (o *outDir) Close() error { return nil }

func (o *outDir) Put(name string, d digest.Digest, size int64) error {
	if same(filepath.Join(o.dir, name), d, size) {
		return nil
	}
	return outdir.Put(o.dir, name, func(f *os.File) error { return o.fill(f, d) })
}

// PutFile writes r to a file in dir as an Out does; for bytes that come from
// another process.
func PutFile(dir, name string, r io.Reader) error {
	return outdir.Put(dir, name, func(f *os.File) error {
		_, err := io.Copy(f, r)
		return err
	})
}

// fill verifies the blob and writes it to f.
func (o *outDir) fill(f *os.File, d digest.Digest) error {
	blob, err := o.store.OpenBlob(d)
	if err != nil {
		return err
	}
	defer blob.Close()
	if err := blob.CloneTo(f); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	_, err = io.Copy(f, blob)
	return err
}

// same reports whether path is a regular file with the wanted bytes.
func same(path string, d digest.Digest, size int64) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return digest.Digest(h.Sum(nil)) == d
}
