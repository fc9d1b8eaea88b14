package builder

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// tree returns a layer unpacked, from its blob where need be.
func (m *Maker) tree(ctx context.Context, diffID, layer digest.Digest, l *look) (*store.Tree, error) {
	t, err := l.tree(ctx, m.Store, diffID, layer)
	if !errors.Is(err, errNoTree) {
		return t, err
	}
	if t, err = m.unpackLayer(ctx, diffID, layer); err == nil && l.full {
		l.seen[diffID] = t
	}
	return t, err
}

// unpackLayer makes the tree of a layer from its blob.
func (m *Maker) unpackLayer(ctx context.Context, diffID, layer digest.Digest) (*store.Tree, error) {
	blob, err := m.Store.OpenBlob(layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	z, err := zstd.NewReader(blob)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	w, err := m.Store.NewTree()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	h := digest.NewHasher()
	in := io.TeeReader(z, h)
	ledger, err := tree.UnpackLayer(ctx, in, w.Dir, tree.UnpackOptions{})
	if err == nil {
		_, err = io.Copy(io.Discard, in) // a tar's padding
	}
	if err != nil {
		// Only the blob's end tells whether what made no sense was what was put.
		if _, readErr := io.Copy(io.Discard, blob); readErr != nil {
			err = readErr
		}
		return nil, fmt.Errorf("layer %s: %w", diffID.Short(), err)
	}
	if h.Digest() != diffID {
		return nil, fmt.Errorf("layer %s: unpacks to %s: %w", diffID.Short(), h.Digest().Short(), store.ErrCorrupt)
	}
	if err := w.Commit(diffID, ledger); err != nil {
		return nil, err
	}
	return m.Store.Tree(diffID)
}
