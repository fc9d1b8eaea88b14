package realize

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// ErrNotFailed says that a build does not fail.
var ErrNotFailed = errors.New("does not fail")

// Shell makes all ready for the program that builds the node's packages, and calls
// enter in its place, with what it would be started with. What enter does is not
// recorded, and all is removed afterwards; what the node needs is realized first,
// where it has to be. Errors are those of realizing, and enter's.
func (r *Realizer) Shell(ctx context.Context, n *Node, enter func(sandbox.Spec) error) (err error) {
	// GC shall spare what is looked at.
	if err := r.Store.BeginSession(); err != nil {
		return err
	}
	if n.Key.IsZero() {
		if err := r.needed(ctx, n); err != nil {
			return err
		}
	}
	s, err := r.newSite(ctx, n)
	if err != nil {
		return r.refused(n, err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	program, err := s.layOut(ctx)
	if err != nil {
		if errors.As(err, new(*BuildError)) {
			err = errors.Join(err, s.keepLog())
		}
		return r.refused(n, err)
	}
	if program, err = s.room(program); err != nil {
		return r.refused(n, err)
	}
	r.emit(event.Event{Node: n.event(), State: event.Ready})
	return enter(program)
}

// ShellFailed is Shell in what the node's failed build left: what its last program
// was started with, over what that program changed. Below the directories that it
// could write to, changes stay in kept, the kept build's directory; elsewhere they
// are lost. Nobody builds or forgets the node meanwhile.
//
// Where nothing is kept the node is realized first, with KeepFailed set:
// ErrNotFailed where that goes well.
func (r *Realizer) ShellFailed(ctx context.Context, n *Node, enter func(program sandbox.Spec, kept string) error) (err error) {
	var failed error
	if _, err := r.findKept(n); errors.Is(err, store.ErrNotFound) {
		failed = r.alone(ctx, n)
		switch {
		case failed == nil:
			return ErrNotFailed
		case !errors.As(failed, new(*KeptError)):
			return failed
		}
	} else if err != nil {
		return err
	}
	unlock, err := r.Store.LockKey(ctx, n.Key)
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := r.findKept(n)
	switch {
	case errors.Is(err, store.ErrNotFound) && failed != nil:
		return failed // before any program ran: there is nothing to look at
	case err != nil:
		return err
	}
	program, upper, err := readKept(kept)
	if err != nil {
		return err
	}
	image, err := r.image(ctx, n)
	if err != nil {
		return err
	}
	scratch, err := r.Store.Scratch("shell-" + n.Recipe.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scratch.Close()) }()
	program.Scratch = scratch.Dir
	program.Lower = append(slices.Clip(image.Lower()), upper...)
	program.Env, program.Limits = n.environment(), r.limits(n)
	r.emit(event.Event{Node: n.event(), State: event.Ready})
	return enter(program, kept)
}

// alone realizes a node, with what it needs.
func (r *Realizer) alone(ctx context.Context, n *Node) error {
	if len(n.needs) == 0 {
		return r.one(ctx, n, nil).Err
	}
	p, err := r.Plan(ctx, []Target{n.target()})
	if err != nil {
		return err
	}
	results, err := r.Realize(ctx, p)
	*n = *results[len(results)-1].Node // closed, where what it needs was realized
	return err
}

// needed realizes what a node needs, and closes the node over that.
func (r *Realizer) needed(ctx context.Context, n *Node) error {
	var targets []Target
	for _, other := range n.needs {
		targets = append(targets, other.target())
	}
	p, err := r.Plan(ctx, targets)
	if err != nil {
		return err
	}
	if _, err := r.Realize(ctx, p); err != nil {
		return err
	}
	closed, err := r.Node(ctx, n.target())
	if err != nil {
		return err
	}
	*n = *closed
	return nil
}

// findKept returns the directory of the node's kept build: store.ErrNotFound, also
// where it does not tell what ran there.
func (r *Realizer) findKept(n *Node) (string, error) {
	dir, err := r.Store.FailedBuild(n.Key)
	if err != nil {
		return "", err
	}
	if _, _, err := readKept(dir); errors.Is(err, fs.ErrNotExist) {
		return "", store.ErrNotFound
	}
	return dir, nil
}

// refused tells that a node came to nothing.
func (r *Realizer) refused(n *Node, err error) error {
	e := event.Event{Node: n.event(), State: event.Failed, Err: err, Log: logOf(err)}
	r.emit(e)
	return err
}
