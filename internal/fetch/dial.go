package fetch

import (
	"context"
	"net"
	"sync"
	"time"
)

// dial connects to a server or a proxy. Before anybody has answered, the given
// mirrors share the time in which «no route» has to be said.
func (c *Client) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	limit := dialTimeout
	if !c.reached.Load() {
		limit = RouteLimit(c.share)
	}
	return Connect(ctx, addr, limit)
}

// host is what the run has learnt of a server.
type host struct {
	mu       sync.Mutex // guards all below
	answered bool
	lost     *DialError // no connection, and no answer before
	failing  bool       // the latest try was cut, put off, or got no connection
	until    time.Time  // it asked not to be asked before
}

func (h *host) hasAnswered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answered, h.lost = true, nil
}

// lose notes a connection that was not made, and reports whether the host
// answered before, so that trying again makes sense.
func (h *host) lose(e *DialError) (answered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.answered && h.lost == nil {
		h.lost = e
	}
	return h.answered
}

func (h *host) isLost() *DialError {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

// note keeps how a try ended: nil, or a failure.
func (h *host) note(f *failure, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing = f != nil && (f.kind == broken || f.kind == busy || f.kind == noRoute)
	if f != nil && now.Add(f.wait).After(h.until) {
		h.until = now.Add(f.wait)
	}
}

func (h *host) isFailing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failing
}

// held returns how long the host still asked to be left alone.
func (h *host) held(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(0, h.until.Sub(now))
}
