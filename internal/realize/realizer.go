package realize

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
)

// Realizer realizes targets. Its fields are set before its first use.
type Realizer struct {
	Store   *store.Store
	Images  *builder.Maker
	Fetch   *fetch.Client
	Recipes *recipe.Collection
	Arch    recipe.Arch
	Given   map[recipe.SourceName]Given // sources for this run; may be nil
	Events  event.Sink                  // may be nil
	Out     Out                         // gets the packages of each result as soon as it is there; may be nil

	GitMirrors map[string][]string // see git.Client
	Offline    bool                // nothing is fetched

	Limits limits.Policy // what builds may take; see limits.NewPolicy

	Jobs       int  // builds at once; at least 1
	FailFast   bool // the first failure ends the others
	KeepFailed bool // leave the scratch directory of a failed build

	handed handed // what Out got in this run

	mapped       sync.Once // guards what follows
	dependencies *recipe.Dependencies
	mappedErr    error
}

// Result is what became of a node.
type Result struct {
	*Node
	State       event.State        // Cached, Built or Failed
	Realization *store.Realization // nil when Failed
	Seconds     float64            // that this run took for it
	Err         error              // Failed only
}

// Realize realizes the nodes of a plan and hands their packages to Out. The
// results are complete and in the plan's order also when the error, which joins
// those of all failed nodes, is not nil.
func (r *Realizer) Realize(ctx context.Context, p *Plan) ([]Result, error) {
	r.handed.begin()
	results := make([]Result, len(p.Nodes))
	at := make(map[*Node]int, len(p.Nodes))
	for i, n := range p.Nodes {
		r.emit(event.Event{Node: n.event(), State: event.Queued})
		results[i] = Result{Node: n, State: event.Failed, Err: context.Canceled}
		at[n] = i
		for _, other := range n.needs {
			other.feeds = other.feeds || n.found == nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	inOrder(p.Nodes, max(1, r.Jobs), func(n *Node) {
		needs := make([]*Result, len(n.needs))
		for i, other := range n.needs {
			needs[i] = &results[at[other]]
		}
		res := r.one(ctx, n, needs)
		results[at[n]] = res
		if r.FailFast && res.Err != nil {
			cancel()
		}
	})
	var errs []error
	for _, res := range results {
		if res.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", res.Recipe.Name, res.Format, res.Err))
		}
	}
	return results, errors.Join(errs...)
}

// one realizes a node and tells what became of it.
func (r *Realizer) one(ctx context.Context, n *Node, needs []*Result) Result {
	begun := time.Now()
	res := Result{Node: n, State: event.Failed}
	if len(needs) > 0 {
		res.Err = r.over(n, needs)
	}
	if res.Err == nil {
		res.Realization, res.State, res.Err = r.realize(ctx, n)
	}
	res.Seconds = time.Since(begun).Seconds()
	if res.State == event.Built {
		res.Seconds = res.Realization.Seconds // without the wait for an image
	}
	r.emit(event.Event{Node: n.event(), State: res.State, Seconds: res.Seconds, Err: res.Err, Log: logOf(res.Err)})
	return res
}

// logOf returns the end of what a program that failed printed.
func logOf(err error) event.LogTail {
	var build *BuildError
	var configure *builder.ConfigureError
	switch {
	case errors.As(err, &build):
		return build.Log
	case errors.As(err, &configure):
		return configure.Log
	}
	return event.LogTail{}
}

func (r *Realizer) realize(ctx context.Context, n *Node) (*store.Realization, event.State, error) {
	if n.found != nil {
		err := r.take(n, n.found)
		switch {
		case err == nil:
			return n.found, event.Cached, nil
		case !lost(err):
			return nil, event.Failed, err
		}
	}
	r.emit(event.Event{Node: n.event(), State: event.Waiting})
	unlock, err := r.Store.LockKey(ctx, n.Key)
	if err != nil {
		return nil, event.Failed, err
	}
	defer unlock()
	// Another process may have built it meanwhile.
	// Looked up again, what was damaged may have been healed.
	real, err := r.Store.Lookup(n.Key)
	if err == nil {
		err = r.take(n, real)
	}
	switch {
	case err == nil:
		return real, event.Cached, nil
	case !lost(err):
		return nil, event.Failed, err
	}
	if real, err = r.build(ctx, n); err == nil {
		err = r.hand(n, real)
	}
	if err != nil {
		return nil, event.Failed, err
	}
	return real, event.Built, nil
}

// lost reports whether an error says that something of a realization was not as
// it was put: the store has set it aside by now, and it can be built again.
func lost(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt)
}

// take accepts a realization that the store had: its packages are whole where another
// build wants them, the recipe's requirements hold, no tag contradicts it, its packages
// were handed out, and the name of the newest result stands for it.
func (r *Realizer) take(n *Node, real *store.Realization) error {
	if n.feeds {
		// Found damaged by the build that wants them, it would be too late: this node
		// is done then.
		for _, f := range real.Files {
			if err := r.Store.CheckBlob(f.Digest); err != nil {
				return err
			}
		}
	}
	if err := r.require(n, real.Files); err != nil {
		return err
	}
	if err := n.checkTagOf(real.Files); err != nil {
		return err
	}
	if err := r.hand(n, real); err != nil {
		return err
	}
	err := r.Store.Name(n.root(), real)
	if errors.Is(err, store.ErrNoSpace) {
		return nil // on a full disk a hit is a hit; the name can wait
	}
	return err
}

// hand gives the packages of a realization to Out.
func (r *Realizer) hand(n *Node, real *store.Realization) error {
	if r.Out == nil || n.Needed {
		return nil
	}
	for _, f := range real.Files {
		if err := r.handed.claim(n, f); err != nil {
			return err
		}
		if err := r.Out.Put(f.Name, f.Digest, f.Size); err != nil {
			return err
		}
	}
	return nil
}

// require checks the paths that the recipe requires today, which are not in the
// key, against the packages' output texts.
func (r *Realizer) require(n *Node, files []store.File) error {
	for _, f := range files {
		if n.Format.IsSource() {
			return nil // paths are those of packages
		}
		want := n.build().Require[f.Package]
		if len(want) == 0 {
			continue
		}
		text, err := r.Store.ReadBlob(f.Output, maxOutputText)
		if err != nil {
			return err
		}
		if lost := lacking(text, want); len(lost) > 0 {
			return &RequireError{Package: f.Package, Paths: lost}
		}
	}
	return nil
}

// maxOutputText bounds the text behind an output digest, in bytes.
const maxOutputText = 256 << 20

func (r *Realizer) emit(e event.Event) {
	if r.Events != nil {
		e.Time = time.Now()
		r.Events(e)
	}
}
