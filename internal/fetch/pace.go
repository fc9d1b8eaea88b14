package fetch

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// What bounds a fetch, whatever a server does.
const (
	dialTimeout      = 3 * time.Second  // one connection, with the look-up of its name
	routeTimeout     = 4 * time.Second  // all connections together, until somebody has answered
	stallTimeout     = 15 * time.Second // in which at least stallBytes have to come
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 30 * time.Second
	graceTime        = 3 * time.Second // for other mirrors to be checked when one was found right
	maxRetryAfter    = time.Minute     // a server that asks for a longer pause has failed
	stallBytes       = 1 << 10
	maxHeader        = 64 << 10
	maxRedirects     = 5
	maxUnknown       = 64 << 20 // bytes of a file whose size nobody said
)

// pace is the clock, and what tests speed up.
type pace struct {
	stall, grace time.Duration
	now          func() time.Time
	sleep        func(context.Context, time.Duration) error
}

func defaultPace() pace {
	return pace{stall: stallTimeout, grace: graceTime, now: time.Now, sleep: sleep}
}

// patience is how often one URL is tried before it has failed.
type patience struct {
	busy   int           // the server asks to come again: 408, 425, 429, 5xx
	broken int           // the connection was cut, stalled, or could not be made any more
	long   time.Duration // so long after the first failure, half as many do
}

// forFiles outlasts a network that is away for half a minute; forChoice is for
// choosing among mirrors, where another one may do.
func forFiles() patience  { return patience{busy: 5, broken: 8, long: 45 * time.Second} }
func forChoice() patience { return patience{busy: 2, broken: 2, long: time.Hour} }

// spent reports whether a URL has failed for good after so many tries.
func (p patience) spent(k kind, tries int, since time.Duration) bool {
	switch k {
	case busy:
		return tries >= p.busy
	case broken:
		return tries >= p.broken || tries >= p.broken/2 && since > p.long
	}
	return true
}

// pause returns how long to wait after a round of tries, from 0: half a second,
// doubled each time up to 16 s, a quarter more or less so that those who failed
// together don't come back together.
func pause(round int) time.Duration {
	d := 500 * time.Millisecond << min(round, 5)
	return d*3/4 + rand.N(d/2)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// retryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds,
// or a time, which is taken against the server's own clock where it says it.
// Zero: there is none that can be read.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}
