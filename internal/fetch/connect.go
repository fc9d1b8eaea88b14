package fetch

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// lookupTimeout is how long the answer of a name server is waited for before it is
// asked once more, beside the first time: one lost datagram is no reason to say «no
// route», and a slow answer counts too.
const lookupTimeout = time.Second

// DialError is a connection that was not made.
type DialError struct {
	Tried   []string // addresses, "192.0.2.1:80"; none when a host's name has no address
	Refused bool     // by each of them
	Err     error    // what the dialer says of the first one
}

func (e *DialError) Error() string { return e.Err.Error() }
func (e *DialError) Unwrap() error { return e.Err }

// Why says in two words why there is no connection.
func (e *DialError) Why() string { return whyNot(e.Refused) }

// RouteLimit is how long one of several servers may take to be connected to, so that
// «no route» to all of them is said within five seconds.
func RouteLimit(servers int) time.Duration {
	return min(dialTimeout, routeTimeout/time.Duration(max(servers, 1)))
}

// Connect makes a TCP connection to "HOST:PORT" within limit, the look-up of the
// name included, over whichever address answers. Errors: *DialError, ctx's own.
func Connect(ctx context.Context, addr string, limit time.Duration) (net.Conn, error) {
	return connect(ctx, net.Dialer{}, addr, limit)
}

func connect(ctx context.Context, d net.Dialer, addr string, limit time.Duration) (net.Conn, error) {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.Deadline = time.Now().Add(limit)
	var found atomic.Bool // an address
	dials := make(chan dialed)
	under := 0
	begin := func() {
		under++
		go func() { dials <- dialOnce(ctx, d, addr, &found) }()
	}
	defer func() {
		go func(n int) { // none of them waits for long
			for range n {
				if late := <-dials; late.conn != nil {
					late.conn.Close()
				}
			}
		}(under)
	}()
	again := time.NewTicker(lookupTimeout)
	defer again.Stop()
	begin()
	for {
		select {
		case one := <-dials:
			under--
			switch {
			case one.conn != nil:
				return one.conn, nil
			case outer.Err() != nil:
				return nil, outer.Err()
			case under > 0 && len(one.err.Tried) == 0 && timedOut(one.err):
				continue // another one may get an answer
			}
			return nil, one.err
		case <-again.C:
			if !found.Load() && time.Now().Before(d.Deadline) {
				begin()
			}
		}
	}
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// dialed is what came of a dial: a connection or an error.
type dialed struct {
	conn net.Conn
	err  *DialError
}

// dialOnce sets found when it knows an address. The resolver is its own: one that
// several use asks once for all of them, and lets nobody ask anew.
func dialOnce(ctx context.Context, d net.Dialer, addr string, found *atomic.Bool) dialed {
	own := &net.Resolver{}
	if r := d.Resolver; r != nil {
		own.PreferGo, own.StrictErrors, own.Dial = r.PreferGo, r.StrictErrors, r.Dial
	}
	d.Resolver = own
	var mu sync.Mutex // guards tried and refusals: two address families are tried at once
	var tried []string
	refusals := map[string]bool{} // addresses that said so
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		found.Store(true)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(tried, address) {
			tried = append(tried, address)
		}
		return nil
	}
	// The error of a dial is that of its first address; the trace tells all.
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, address string, err error) {
		if errors.Is(err, syscall.ECONNREFUSED) {
			mu.Lock()
			defer mu.Unlock()
			refusals[address] = true
		}
	}})
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		return dialed{conn: conn}
	}
	mu.Lock()
	defer mu.Unlock()
	refused := len(tried) > 0 && len(refusals) == len(tried)
	return dialed{err: &DialError{slices.Clone(tried), refused, err}}
}
