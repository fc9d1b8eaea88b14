package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"syscall"
	"time"
)

// lookupTimeout is how long the answer of a name server is waited for before it is
// asked anew: one lost datagram is no reason to say «no route».
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

// Connect makes a TCP connection to "HOST:PORT" within limit, the look-up of the
// name included, over whichever address answers. Errors: *DialError, ctx's own.
func Connect(ctx context.Context, addr string, limit time.Duration) (net.Conn, error) {
	return connect(ctx, net.Dialer{}, addr, limit)
}

func connect(ctx context.Context, d net.Dialer, addr string, limit time.Duration) (net.Conn, error) {
	d.Deadline = time.Now().Add(limit)
	for {
		conn, silent, err := dialOnce(ctx, d, addr)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case silent && time.Now().Before(d.Deadline):
			continue
		case silent:
			err.Err = fmt.Errorf("look up %s: no answer in %s", addr, limit)
		}
		return nil, err
	}
}

// dialOnce gives up after lookupTimeout where no address is known by then: silent.
func dialOnce(ctx context.Context, d net.Dialer, addr string) (conn net.Conn, silent bool, e *DialError) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards what follows: two address families are tried at once
	var tried []string
	refusals := map[string]bool{} // addresses that said so
	defer time.AfterFunc(lookupTimeout, func() {
		mu.Lock()
		defer mu.Unlock()
		if silent = len(tried) == 0; silent {
			cancel()
		}
	}).Stop()
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
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
		return conn, false, nil
	}
	mu.Lock()
	defer mu.Unlock()
	refused := len(tried) > 0 && len(refusals) == len(tried)
	return nil, silent, &DialError{slices.Clone(tried), refused, err}
}
