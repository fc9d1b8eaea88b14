package fetch

import (
	"net/http"
	"strings"
	"testing"
)

// TestUnverified: the bytes of the first mirror that has them, in whatever way
// it says their length; nothing enters the store.
func TestUnverified(t *testing.T) {
	const path = "dists/bookworm/InRelease"
	empty, full := newArchive(t, nil), newArchive(t, map[string]string{path: content})
	s := newStore(t)
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) bool{
		"as ever": nil,
		"without a length": func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.(http.Flusher).Flush() // hence chunked
			w.Write([]byte(content))
			return true
		},
		"after a cut": func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 1 {
				raw(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "cut")
			}
			return n == 1
		},
	} {
		full.fault = fault
		clear(full.asked)
		c, _ := newClient(t, s, empty.base(), full.base())
		got, err := c.Unverified(t.Context(), path, 1<<20)
		if err != nil || string(got) != content {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	holds(t, s)
}

func TestUnverifiedRefuses(t *testing.T) {
	a := newArchive(t, map[string]string{"a": content})
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	for path, want := range map[string]string{
		"../a": `fetch path "../a": unsafe: want a clean relative path`,
		"b":    "fetch 1 file: gone from every mirror:\n  b: " + a.base() + ": 404 Not Found",
		"a":    "fetch " + a.base() + "/a: more than 10 bytes",
	} {
		_, err := c.Unverified(t.Context(), path, 10)
		wantError(t, err, want)
	}
	a.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.(http.Flusher).Flush()
		for range 1000 {
			if _, err := w.Write([]byte(strings.Repeat("x", 1<<20))); err != nil {
				return true
			}
		}
		t.Error("a gigabyte was read")
		return true
	}
	_, err := c.Unverified(t.Context(), "a", 10)
	wantError(t, err, "fetch "+a.base()+"/a: more than 10 bytes")
	dead, _ := newClient(t, s, deadBase(t))
	if _, err := dead.Unverified(t.Context(), "a", 10); err == nil || !strings.HasSuffix(err.Error(), "connection refused (1 address tried)") {
		t.Errorf("got %v", err)
	}
	holds(t, s)
}
