package realize

import (
	"fmt"
	"sync"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// handed is what a run gave to Out, by file name: two recipes that make different
// files of one name would else overwrite each other, and both be told as there.
type handed struct {
	mu    sync.Mutex
	files map[string]claim
}

type claim struct {
	by     string // the recipe
	digest digest.Digest
}

func (h *handed) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files = map[string]claim{}
}

// claim takes the name of a node's file, once a run.
func (h *handed) claim(n *Node, f store.File) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := claim{n.Recipe.Name, f.Digest}
	if other, ok := h.files[f.Name]; ok && other.by != mine.by && other.digest != mine.digest {
		return fmt.Errorf("%s: recipe %s makes a file of this name too, %s: this one is %s, and only one can be handed out",
			f.Name, other.by, other.digest.Short(), mine.digest.Short())
	}
	h.files[f.Name] = mine
	return nil
}
