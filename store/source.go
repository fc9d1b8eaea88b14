package store

import (
	"fmt"

	ocidigest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// sourceMediaType is the type of a source's blob: what its maker has packed.
const sourceMediaType = "application/vnd.pbuild.source.v1.tar+zstd"

// sourceRoot is the name that keeps the source id.
func sourceRoot(id digest.Digest) string { return "source-" + id.Hex() }

// PutSource keeps a blob as the source that a derivation names by id, where that
// is not the digest of a blob but, e.g., of a tree. The blob is in the store
// already, else ErrNotFound; that it holds what id stands for is the caller's
// word. GC keeps it for as long as a realization that is kept was built from it,
// and for its last use. Put again, the last blob counts.
func (s *Store) PutSource(id, blob digest.Digest) error {
	size, ok := s.HasBlob(blob)
	if !ok {
		return fmt.Errorf("source %s: blob %s: %w", id, blob, ErrNotFound)
	}
	return s.SetRoot(sourceRoot(id), v1.Descriptor{
		MediaType: sourceMediaType, Digest: ocidigest.Digest(blob.String()), Size: size,
	})
}

// Source returns the blob that PutSource kept for id. ErrNotFound: there is none,
// or it is lost. ErrCorrupt: the root is damaged, and PutSource heals it. Within a
// session a source that was found stays.
func (s *Store) Source(id digest.Digest) (digest.Digest, error) {
	desc, err := s.readRoot(sourceRoot(id))
	if err != nil {
		return digest.Digest{}, fmt.Errorf("source %s: %w", id, err)
	}
	if desc.MediaType != sourceMediaType {
		return digest.Digest{}, fmt.Errorf("source %s: its root has media type %q", id, desc.MediaType)
	}
	blob, err := digest.Parse(string(desc.Digest))
	if err != nil {
		return digest.Digest{}, fmt.Errorf("source %s: %w", id, err)
	}
	if size, ok := s.HasBlob(blob); !ok || size != desc.Size {
		return digest.Digest{}, fmt.Errorf("source %s: %w: blob %s is lost", id, ErrNotFound, blob)
	}
	s.renewUse(s.path(rootsDir, sourceRoot(id)))
	return blob, nil
}
