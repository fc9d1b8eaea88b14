package fetch

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// parallel is how many files are fetched at once.
const parallel = 8

// Sink takes the files; *store.Store is one.
type Sink interface {
	Create() (*store.BlobWriter, error)
	HasBlob(d digest.Digest) (size int64, ok bool)
}

// File is what to fetch.
type File struct {
	Path    string        // below a mirror, pool/main/h/hello/hello_2.10-3_amd64.deb; or a whole URL
	Package string        // for people, in errors; may be empty
	Want    digest.Digest // of its bytes
	Size    int64         // in bytes; negative when unknown, then at most 64 MiB
}

// Client fetches files; safe for concurrent use. It remembers which mirrors
// answer, so one Client serves one run.
type Client struct {
	// Offline asks nobody for anything: a file that sink lacks is an
	// *OfflineError, also where a file: mirror may have it. Set before the first
	// call.
	Offline bool

	sink    Sink
	mirrors Mirrors
	http    *http.Client
	pace    pace
	share   int         // mirrors that share the time until «no route»
	reached atomic.Bool // somebody has answered

	choosing chan struct{} // holds one token: whoever has it may read and write chosen
	chosen   []*url.URL    // roots in use; nil until they are first needed

	mu    sync.Mutex // guards hosts
	hosts map[string]*host
}

// New returns a client that puts what it fetches into sink. It asks nobody yet.
func New(sink Sink, mirrors Mirrors) *Client {
	c := &Client{
		sink:     sink,
		mirrors:  mirrors,
		pace:     defaultPace(),
		choosing: make(chan struct{}, 1),
		hosts:    map[string]*host{},
	}
	hosts := map[string]bool{}
	for _, m := range mirrors.Given {
		if u, err := url.Parse(m.Base); err == nil && u.Scheme != "file" {
			hosts[u.Host] = true
		}
	}
	c.share = max(1, len(hosts))
	c.http = &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: c.dial,
			// HTTP/1.1 only, one connection for each file under way: the
			// streams of one HTTP/2 connection share its window and its stalls.
			MaxIdleConnsPerHost:    parallel,
			IdleConnTimeout:        idleTimeout,
			TLSHandshakeTimeout:    handshakeTimeout,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // the digest is that of the bytes as they are served
		},
	}
	return c
}

// Close ends idle connections. Calls of All have returned before.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// target is one URL to try.
type target struct {
	url    *url.URL
	mirror string // for people: the mirror's base, or the URL itself
	host   *host
}

// String returns the URL for people.
func (t target) String() string { return t.url.Redacted() }

func (c *Client) target(u *url.URL, mirror string) target {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := u.Scheme + "://" + u.Host
	h := c.hosts[key]
	if h == nil {
		h = &host{}
		c.hosts[key] = h
	}
	return target{u, mirror, h}
}

// targets returns the URLs to try for a file, in order.
func (c *Client) targets(ctx context.Context, path string) ([]target, error) {
	if whole(path) {
		u, err := parseURL(path)
		if err != nil {
			return nil, err
		}
		return []target{c.target(u, u.Redacted())}, nil
	}
	roots, err := c.roots(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]target, len(roots))
	for i, root := range roots {
		u, err := fileURL(root, path)
		if err != nil {
			return nil, err
		}
		out[i] = c.target(u, root.Redacted())
	}
	return out, nil
}
