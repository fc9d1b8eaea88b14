package store

import (
	"fmt"
	"os"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Link verifies a blob and makes a hard link to it at path, which is in a
// Scratch of this store: a sandbox then sees this blob and no other, read-only.
// A link anywhere else would let an editor damage the store.
func (s *Store) Link(d digest.Digest, path string) error {
	if err := s.CheckBlob(d); err != nil {
		return err
	}
	if err := os.Link(s.BlobPath(d), path); err != nil {
		return fmt.Errorf("link of blob %s: %w", d, bare(err))
	}
	return nil
}
