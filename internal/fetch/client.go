package fetch

import (
	"context"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Sink takes the files; *store.Store is one.
type Sink interface {
	Create() (*store.BlobWriter, error)
	HasBlob(d digest.Digest) (size int64, ok bool)
}

// File is what to fetch.
type File struct {
	Path    string        // below a mirror, pool/main/h/hello/hello_2.10-3_amd64.deb; or a whole URL
	Package string        // for people, in errors; may be empty
	Want    digest.Digest // of its bytes
	Size    int64         // in bytes; negative when unknown
}

// Client fetches files; safe for concurrent use. It remembers which mirrors
// answer, so one Client serves one run.
type Client struct{}

// New returns a client that puts what it fetches into sink. It asks nobody yet.
func New(sink Sink, mirrors Mirrors) *Client { panic("soon") }

// Close ends idle connections. Calls of All have returned before.
func (c *Client) Close() { panic("soon") }

// All fetches those of files that sink does not hold, eight at once.
func (c *Client) All(ctx context.Context, files []File, progress func(done, total int64)) error {
	panic("soon")
}
