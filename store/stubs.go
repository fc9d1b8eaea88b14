package store

import (
	"context"
	"io"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Store is an open store; safe for concurrent use.
type Store struct{ dir string }

// Open opens the store in dir, made when absent.
func Open(dir string) (*Store, error) { panic("soon") }

// Dir returns the absolute path of the store.
func (s *Store) Dir() string { panic("soon") }

// Close ends the session: blobs put and not recorded become garbage. The store
// itself stays usable.
func (s *Store) Close() error { panic("soon") }

// BlobWriter hashes while it writes.
type BlobWriter struct{}

// Create begins a blob.
func (s *Store) Create() (*BlobWriter, error) { panic("soon") }

func (w *BlobWriter) Write(p []byte) (int, error) { panic("soon") }

// Commit ends the blob; want, when not nil, is the digest it must have.
func (w *BlobWriter) Commit(want *digest.Digest) (digest.Digest, int64, error) { panic("soon") }

// Close drops the blob unless it was committed.
func (w *BlobWriter) Close() error { panic("soon") }

// PutBytes stores b.
func (s *Store) PutBytes(b []byte) (digest.Digest, error) { panic("soon") }

// BlobReader verifies while it reads.
type BlobReader struct{ Size int64 }

var _ io.ReadCloser = (*BlobReader)(nil)

// OpenBlob opens a blob for reading.
func (s *Store) OpenBlob(d digest.Digest) (*BlobReader, error) { panic("soon") }

func (r *BlobReader) Read(p []byte) (int, error) { panic("soon") }

// Close closes the reader.
func (r *BlobReader) Close() error { panic("soon") }

// ReadBlob reads a whole blob of at most limit bytes.
func (s *Store) ReadBlob(d digest.Digest, limit int64) ([]byte, error) { panic("soon") }

// HasBlob tells whether the blob is there, and its size.
func (s *Store) HasBlob(d digest.Digest) (size int64, ok bool) { panic("soon") }

// BlobPath returns the path of the blob's file.
func (s *Store) BlobPath(d digest.Digest) string { panic("soon") }

// File is one package file of a realization.
type File struct {
	Name                   string
	Digest                 digest.Digest
	Size                   int64
	Package, Version, Arch string
}

// Realization is what a key stands for.
type Realization struct {
	Key                               digest.Key
	Recipe, Format, Arch, Version     string
	Builder                           digest.Digest
	Manifest, Output, Log, Provenance digest.Digest
	Files                             []File
	Finished                          time.Time
	Seconds                           float64
}

// Lookup finds the realization of a key.
func (s *Store) Lookup(k digest.Key) (*Realization, error) { panic("soon") }

// Record keeps r; the first writer of a key wins.
func (s *Store) Record(r Realization, root string) (*Realization, error) { panic("soon") }

// Realizations lists all.
func (s *Store) Realizations() ([]Realization, error) { panic("soon") }

// LockKey waits for the lock of a key.
func (s *Store) LockKey(ctx context.Context, k digest.Key) (unlock func(), err error) { panic("soon") }

// LockName waits for the lock of a name.
func (s *Store) LockName(ctx context.Context, name string) (unlock func(), err error) { panic("soon") }

// Tree is an unpacked layer.
type Tree struct {
	Dir    string
	Ledger tree.Ledger
}

// Tree finds an unpacked layer.
func (s *Store) Tree(diffID digest.Digest) (*Tree, error) { panic("soon") }

// TreeWriter is an unpacked layer in the making.
type TreeWriter struct{ Dir string }

// NewTree begins an unpacked layer.
func (s *Store) NewTree() (*TreeWriter, error) { panic("soon") }

// Commit publishes the tree.
func (w *TreeWriter) Commit(diffID digest.Digest, l tree.Ledger) error { panic("soon") }

// Close drops the tree unless it was committed.
func (w *TreeWriter) Close() error { panic("soon") }

// SetRoot names an image or artifact.
func (s *Store) SetRoot(name string, desc v1.Descriptor) error { panic("soon") }

// Root returns what a root names.
func (s *Store) Root(name string) (v1.Descriptor, error) { panic("soon") }

// Roots returns all roots by name.
func (s *Store) Roots() (map[string]v1.Descriptor, error) { panic("soon") }

// RemoveRoot drops a root.
func (s *Store) RemoveRoot(name string) error { panic("soon") }

// Scratch is a private directory.
type Scratch struct{ Dir string }

// Scratch makes a private directory under the store.
func (s *Store) Scratch(pattern string) (*Scratch, error) { panic("soon") }

// Close removes the directory.
func (s *Scratch) Close() error { panic("soon") }

// Problem is one thing that Verify found.
type Problem struct{ Path, What string }

// Report is the answer of Verify.
type Report struct {
	Blobs, Realizations, Roots, Trees int
	Bytes                             int64
	Problems                          []Problem
}

// Verify checks everything.
func (s *Store) Verify(ctx context.Context) (Report, error) { panic("soon") }

// Rebuild makes the database and index.json anew.
func (s *Store) Rebuild(ctx context.Context) error { panic("soon") }

// Item is one thing that GC removes.
type Item struct {
	Kind, Name string
	Size       int64
}

// Plan is what GC removes.
type Plan struct {
	Items []Item
	Bytes int64
}

// GC removes what no root needs; dry only plans.
func (s *Store) GC(ctx context.Context, dry bool) (Plan, error) { panic("soon") }
