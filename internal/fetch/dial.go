package fetch

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"syscall"
	"time"
)

// dialError is a connection that was not made, with the addresses that were
// tried for it.
type dialError struct {
	tried   []string
	refused bool // by each of them
	err     error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial connects to a server or a proxy. Before anybody has answered, the given
// mirrors share the time in which «no route» has to be said.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var mu sync.Mutex // guards tried and refusals: two address families are tried at once
	var tried []string
	refusals := map[string]bool{} // addresses that said so
	// The error of a dial is that of its first address; the trace tells all.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, address string, err error) {
		if errors.Is(err, syscall.ECONNREFUSED) {
			mu.Lock()
			defer mu.Unlock()
			refusals[address] = true
		}
	}})
	d := net.Dialer{
		Timeout: dialTimeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(tried, address) {
				tried = append(tried, address)
			}
			return nil
		},
	}
	if !c.reached.Load() {
		d.Timeout = min(dialTimeout, routeTimeout/time.Duration(c.share))
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		mu.Lock()
		defer mu.Unlock()
		return nil, &dialError{slices.Clone(tried), len(tried) > 0 && len(refusals) == len(tried), err}
	}
	return conn, nil
}

// host is what the run has learnt of a server.
type host struct {
	mu       sync.Mutex // guards all below
	answered bool
	lost     *dialError // no connection, and no answer before
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
func (h *host) lose(e *dialError) (answered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.answered && h.lost == nil {
		h.lost = e
	}
	return h.answered
}

func (h *host) isLost() *dialError {
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
