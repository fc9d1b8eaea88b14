package git

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	dialTimeout  = 3 * time.Second // one connection, with the look-up of its name
	routeTimeout = 4 * time.Second // all connections of a call together
)

// lostError is a server that could not be connected to.
type lostError struct {
	tried []string // addresses; of a host without any, "host:port"
	err   error
}

func (e *lostError) Error() string { return "no route: " + e.err.Error() }

// reach connects to a server once, to learn in seconds what git says after
// minutes. A host that was lost stays so. share is how many servers share the
// time.
func (c *Client) reach(ctx context.Context, host string, share int) (*lostError, error) {
	c.mu.Lock()
	lost := c.lost[host]
	c.mu.Unlock()
	if lost != nil {
		return lost, nil
	}
	var mu sync.Mutex // guards tried: two address families are tried at once
	var tried []string
	d := net.Dialer{
		Timeout: min(dialTimeout, routeTimeout/time.Duration(max(share, 1))),
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(tried, address) {
				tried = append(tried, address)
			}
			return nil
		},
	}
	conn, err := d.DialContext(ctx, "tcp", host)
	if err == nil {
		return nil, conn.Close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	mu.Lock()
	if len(tried) == 0 {
		tried = append(tried, host) // its name has no address: what was tried is the name
	}
	lost = &lostError{slices.Clone(tried), err}
	mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = map[string]*lostError{}
	}
	c.lost[host] = lost
	return lost, nil
}

// proxied reports whether the environment names a proxy. Which hosts it is for
// is git's to know, so nothing is connected to beforehand.
func proxied() bool {
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}
