package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// kind is what became of a try that failed.
type kind int

const (
	gone     kind = iota // the server does not have it
	refused              // any other final answer
	mismatch             // other bytes than those wanted
	noRoute              // no connection, and none before
	busy                 // the server asks to come again
	broken               // cut, stalled, or no connection any more
)

// failure is a try that failed at the server or on the way; any other error of
// a try is ours (the store's, a cancelled context) and ends the call.
type failure struct {
	kind  kind
	t     target
	err   error
	wait  time.Duration // busy: how long the server asks to wait
	tries int           // set when it was given up after more than one
}

// dial returns the connection that was not made, of kind noRoute.
func (f *failure) dial() *DialError { return f.err.(*DialError) }

func (f *failure) Error() string {
	if f.kind == mismatch {
		return f.err.Error() // it names the URL
	}
	if f.tries > 1 {
		return fmt.Sprintf("%s: %v (%d tries)", f.t, f.err, f.tries)
	}
	return fmt.Sprintf("%s: %v", f.t, f.err)
}

func (f *failure) Unwrap() error { return f.err }

func (t target) fail(k kind, err error) *failure { return &failure{kind: k, t: t, err: err} }

// state is how far one target has come within rounds.
type state struct {
	target
	final bool
	last  *failure
	first time.Time // of its failures
	tries int
}

// rounds tries the targets in order, those of hosts that just failed last, again
// and again with growing pauses, until one succeeds (nil, nil) or each has
// failed for good: one failure each, in the order of targets. An error that is
// no failure of a target is returned at once.
func (c *Client) rounds(ctx context.Context, targets []target, p patience, try func(target) error) ([]*failure, error) {
	states := make([]*state, len(targets))
	for i, t := range targets {
		states[i] = &state{target: t}
	}
	order := slices.Clone(states)
	slices.SortStableFunc(order, func(a, b *state) int {
		return cmp.Compare(rank(a.host.isFailing()), rank(b.host.isFailing()))
	})
	for round := 0; ; {
		tried, held := false, time.Duration(0)
		for _, s := range order {
			if s.final {
				continue
			}
			if d := s.host.held(c.pace.now()); d > 0 {
				if held == 0 || d < held {
					held = d
				}
				continue
			}
			tried = true
			f, err := c.once(ctx, s.target, try)
			if f == nil {
				return nil, err
			}
			s.failed(f, p, c.pace.now())
		}
		if !slices.ContainsFunc(states, func(s *state) bool { return !s.final }) {
			break
		}
		wait := pause(round)
		if tried {
			round++
		} else {
			// All that are left asked for time; those who wait for the same
			// moment spread a little after it.
			wait = held + wait/4
		}
		if err := c.pace.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	out := make([]*failure, len(states))
	for i, s := range states {
		out[i] = s.last
	}
	return out, nil
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

func (s *state) failed(f *failure, p patience, now time.Time) {
	if s.tries++; s.tries == 1 {
		s.first = now
	}
	f.tries = s.tries
	s.last = f
	s.final = p.spent(f.kind, s.tries, now.Sub(s.first))
}

// once makes one try; it returns a failure of the target, or an error of ours.
func (c *Client) once(ctx context.Context, t target, try func(target) error) (*failure, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if lost := t.host.isLost(); lost != nil {
		return t.fail(noRoute, lost), nil
	}
	err := try(t)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var f *failure
	if err != nil && !errors.As(err, &f) {
		return nil, err
	}
	t.host.note(f, c.pace.now())
	return f, nil
}
