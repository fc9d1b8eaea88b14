package builder

import (
	"context"
	"errors"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// look is how an image is looked for: at sizes, modes and times, which is fast
// enough for each build, or in full.
type look struct {
	full   bool
	seen   map[digest.Digest]*store.Tree // with full: read already, by diff ID
	damage bool                          // with full: something was damaged or lost
}

// errNoTree says that a layer has no tree, and may have a blob to make it from.
var errNoTree = errors.New("not unpacked")

// tree returns the tree of a layer whose blob is d. store.ErrNotFound or
// store.ErrCorrupt: the blob, which a full look reads too, is no good, and the
// image must be made again.
func (l *look) tree(ctx context.Context, s *store.Store, diffID, d digest.Digest) (*store.Tree, error) {
	if !l.full {
		return treeOr(s.Tree(diffID))
	}
	if t := l.seen[diffID]; t != nil {
		return t, nil
	}
	if err := s.CheckBlob(d); err != nil {
		l.damage = l.damage || isLost(err)
		return nil, err
	}
	t, err := s.VerifyTree(ctx, diffID)
	if err != nil {
		l.damage = l.damage || isLost(err)
		return treeOr(nil, err)
	}
	l.seen[diffID] = t
	return t, nil
}

func isLost(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt)
}

// treeOr makes errNoTree of the store's ErrNotFound.
func treeOr(t *store.Tree, err error) (*store.Tree, error) {
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoTree
	}
	return t, err
}
