package git

import (
	"context"
	"errors"
	"os"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

// reach connects to a server once, to learn in seconds what git says after
// minutes. A host that was lost stays so. share is how many servers share the
// time.
func (c *Client) reach(ctx context.Context, host string, share int) (*fetch.DialError, error) {
	c.mu.Lock()
	lost := c.lost[host]
	c.mu.Unlock()
	if lost != nil {
		return lost, nil
	}
	conn, err := fetch.Connect(ctx, host, fetch.RouteLimit(share))
	if err == nil {
		return nil, conn.Close()
	}
	if !errors.As(err, &lost) {
		return nil, err
	}
	if len(lost.Tried) == 0 {
		lost.Tried = []string{host} // its name has no address: what was tried is the name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = map[string]*fetch.DialError{}
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
