package fetch

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// archive is a mirror on loopback. Without a fault it serves files rightly.
type archive struct {
	*httptest.Server
	files map[string]string
	// fault answers the nth request (from 1) for a path and returns true, or
	// returns false for the right answer.
	fault func(w http.ResponseWriter, r *http.Request, n int) bool

	mu    sync.Mutex // guards all below
	asked map[string]int
	uris  []string
	conns int
	now   int
	most  int // requests at once
}

func newArchive(t *testing.T, files map[string]string) *archive {
	a := &archive{files: files, asked: map[string]int{}}
	a.Server = httptest.NewUnstartedServer(a)
	a.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			a.mu.Lock()
			a.conns++
			a.mu.Unlock()
		}
	}
	a.Start()
	t.Cleanup(a.Close)
	t.Cleanup(a.CloseClientConnections)
	return a
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/debian/")
	a.mu.Lock()
	a.asked[path]++
	n := a.asked[path]
	a.uris = append(a.uris, r.RequestURI)
	a.now++
	a.most = max(a.most, a.now)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.now--
		a.mu.Unlock()
	}()
	if a.fault != nil && a.fault(w, r, n) {
		return
	}
	text, ok := a.files[path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
}

func (a *archive) base() string { return a.URL + "/debian" }

func (a *archive) requests() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.asked {
		n += k
	}
	return n
}

// count returns how often a path was asked for.
func (a *archive) count(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[path]
}

// requestURIs returns what was asked for as it came, in order.
func (a *archive) requestURIs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.uris)
}

// load returns the most requests at once, and the connections so far.
func (a *archive) load() (most, conns int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most, a.conns
}

// clock is a clock that only sleeping moves.
type clock struct {
	mu    sync.Mutex // guards all below
	at    time.Time
	slept []time.Duration
	onNap func(n int) // after the nth sleep
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.slept = append(c.slept, d)
	n := len(c.slept)
	c.mu.Unlock()
	if c.onNap != nil {
		c.onNap(n)
	}
	return ctx.Err()
}

func (c *clock) total() (sum time.Duration) {
	for _, d := range c.slept {
		sum += d
	}
	return sum
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newClient returns a client of the given mirrors that doesn't really wait.
func newClient(t *testing.T, sink Sink, bases ...string) (*Client, *clock) {
	t.Helper()
	m := Mirrors{Suite: "bookworm"}
	for _, b := range bases {
		mirror, err := ParseMirror(b, "flag --mirror")
		if err != nil {
			t.Fatal(err)
		}
		m.Given = append(m.Given, mirror)
	}
	return clientOf(t, sink, m)
}

func clientOf(t *testing.T, sink Sink, m Mirrors) (*Client, *clock) {
	c := New(sink, m)
	t.Cleanup(c.Close)
	k := &clock{at: time.Unix(1_700_000_000, 0)}
	c.pace = pace{stall: 10 * time.Second, grace: 100 * time.Millisecond, now: k.now, sleep: k.sleep}
	return c, k
}

// text returns n bytes that differ with name.
func text(name string, n int) string {
	return strings.Repeat(name+"\n", n/(len(name)+1)+1)[:n]
}

func file(path, content string) File {
	return File{Path: path, Package: strings.TrimSuffix(filepath.Base(path), ".deb"), Want: digest.Of([]byte(content)), Size: int64(len(content))}
}

func filesOf(m map[string]string) (out []File) {
	for path, content := range m {
		out = append(out, file(path, content))
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out
}

// holds checks that the store has exactly these contents and nothing half done.
func holds(t *testing.T, s *store.Store, want ...string) {
	t.Helper()
	got, err := os.ReadDir(filepath.Join(s.Dir(), "blobs/sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var names, wanted []string
	for _, e := range got {
		names = append(names, e.Name())
	}
	for _, w := range want {
		d := digest.Of([]byte(w))
		wanted = append(wanted, d.Hex())
		if b, err := s.ReadBlob(d, 1<<30); err != nil || !bytes.Equal(b, []byte(w)) {
			t.Errorf("blob %s: %d bytes, %v", d, len(b), err)
		}
	}
	slices.Sort(wanted)
	if wanted = slices.Compact(wanted); !slices.Equal(names, wanted) {
		t.Errorf("the store holds %d blobs %v, want %d %v", len(names), names, len(wanted), wanted)
	}
	left, err := filepath.Glob(filepath.Join(s.Dir(), "tmp/blob*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the store: %v %v", left, err)
	}
}

// raw takes over a connection, writes head and body, and cuts it.
func raw(w http.ResponseWriter, parts ...string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for _, p := range parts {
		io.WriteString(conn, p)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error\n  %v\nwant\n  %s", err, want)
	}
}
