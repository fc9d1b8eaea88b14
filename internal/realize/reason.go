package realize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Reason says why a node has to be built. One that says nothing else: its recipe
// was never built for the format.
type Reason struct {
	Since   *store.Realization // the newest of the recipe and format, or the lost one
	Changed []recipe.Change    // between the derivation of Since and the node's
	Lost    digest.Digest      // a blob of Since, which has the node's key
	Waits   []string           // recipes that it needs and that are to be built first: it may be cached then
	Unknown error              // why the derivation of Since can't be compared
}

// String returns e.g. «changed: source main, builder, env PBR_VERSION».
func (r *Reason) String() string {
	var names []string
	switch {
	case len(r.Waits) > 0:
		return "needs " + strings.Join(r.Waits, ", ") + ", to be built first"
	case r.Since == nil:
		return "new: nothing was built before"
	case r.Unknown != nil:
		return fmt.Sprintf("changed: what, is unknown: %v", r.Unknown)
	case len(r.Changed) == 0:
		return fmt.Sprintf("lost: blob %s is lost", r.Lost)
	}
	for _, c := range r.Changed {
		names = append(names, c.Field)
	}
	return "changed: " + strings.Join(names, ", ")
}

// Reasons returns why each node of a plan has to be built; nil for one that is
// cached.
func (r *Realizer) Reasons(p *Plan) ([]*Reason, error) {
	reasons := make([]*Reason, len(p.Nodes))
	if p.Cached == len(p.Nodes) {
		return reasons, nil
	}
	all, err := r.Store.Realizations()
	if err != nil {
		return nil, err
	}
	newest, same := map[string]*store.Realization{}, map[digest.Key]*store.Realization{}
	for i := range all {
		real := &all[i]
		same[real.Key] = real
		if real.Arch != string(r.Arch) {
			continue
		}
		name := real.Recipe + "-" + real.Format
		if had := newest[name]; had == nil || real.Finished.After(had.Finished) {
			newest[name] = real
		}
	}
	for i, n := range p.Nodes {
		if n.found != nil {
			continue
		}
		if n.Key.IsZero() {
			reasons[i] = &Reason{Waits: n.Waits()}
			continue
		}
		if real := same[n.Key]; real != nil {
			reasons[i] = &Reason{Since: real, Lost: r.lostBlob(real)}
			continue
		}
		if reasons[i], err = r.reason(n, newest[n.root()]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", n.Recipe.Name, n.Format, err)
		}
	}
	return reasons, nil
}

// Waits returns the recipes that a node needs and that the store has not.
func (n *Node) Waits() (names []string) {
	for _, other := range n.needs {
		if other.found == nil {
			names = append(names, other.Recipe.Name)
		}
	}
	return names
}

// maxDerivation bounds the text of a derivation, in bytes.
const maxDerivation = 1 << 20

// reason compares a node with the newest realization of its recipe and format.
func (r *Realizer) reason(n *Node, since *store.Realization) (*Reason, error) {
	reason := &Reason{Since: since}
	if since == nil {
		return reason, nil
	}
	text, err := r.Store.ReadBlob(since.Key.Text(), maxDerivation)
	if lost(err) {
		reason.Unknown = errors.New("the derivation of the last build is lost")
		return reason, nil
	}
	if err != nil {
		return nil, err
	}
	reason.Changed, reason.Unknown = recipe.Changes(text, n.Text)
	return reason, nil
}

// lostBlob returns what the store lacks of a realization, zero where it is whole
// by now.
func (r *Realizer) lostBlob(real *store.Realization) digest.Digest {
	blobs := []digest.Digest{real.Manifest}
	for _, f := range real.Files {
		if size, ok := r.Store.HasBlob(f.Digest); ok && size != f.Size {
			return f.Digest
		}
		blobs = append(blobs, f.Digest, f.Output)
	}
	for _, d := range append(blobs, real.Key.Text(), real.Log, real.Provenance) {
		if _, ok := r.Store.HasBlob(d); !ok && !d.IsZero() {
			return d
		}
	}
	return digest.Digest{}
}
