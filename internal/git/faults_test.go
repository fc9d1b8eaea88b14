package git

import (
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// half cuts the connection after so many bytes of a body.
type half struct {
	http.ResponseWriter
	left int
}

func (h *half) Write(p []byte) (int, error) {
	n, err := h.ResponseWriter.Write(p[:min(len(p), h.left)])
	if h.left -= n; h.left == 0 {
		h.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestTruncated: half a pack, each time.
func TestTruncated(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var noise strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		fmt.Fprintf(&noise, "%016x", random.Uint64())
	}
	id := r.commit("main", "x", content{"a": noise.String()})
	s := serve(t, r)
	s.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if q.Method == "POST" {
			s.Backend.ServeHTTP(&half{w, 100_000}, q)
		}
		return q.Method == "POST"
	}
	dir := t.TempDir()
	_, err := newClient(t).Checkout(t.Context(), remote(s.url), id, Options{}, dir)
	var all *SourcesError
	if !errors.As(err, &all) || len(all.Tries) != 1 {
		t.Errorf("%v", err)
	}
	if s.requests() != 4 {
		t.Errorf("%d requests, want two tries", s.requests())
	}
	if l := list(t, dir); len(l) > 0 {
		t.Errorf("%q", l)
	}
}

// TestEndless: a pack that holds one file without an end. Here it ends after two
// seconds, for the day when nobody stops it.
func TestEndless(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	s := serve(t, r)
	s.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if q.Method != "POST" {
			return false
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, "000dpackfile\n")
		band := bandWriter{w}
		// PACK, version 2, one object: a blob of 2^39 bytes, stored.
		band.Write([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\xb0\x80\x80\x80\x80\x40"))
		z, _ := zlib.NewWriterLevel(band, zlib.NoCompression)
		zeros := make([]byte, 60_000)
		for range 2000 {
			if _, err := z.Write(zeros); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		return true
	}
	c := newClient(t)
	c.bounds.bytes = 1 << 20
	begun := time.Now()
	_, err := c.Checkout(t.Context(), remote(s.url), first, Options{}, t.TempDir())
	wantError(t, err, "fetch "+s.url+": over the limit: size: a repository of more than 1048576 bytes")
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

// bandWriter writes sideband packets of pack data.
type bandWriter struct{ w io.Writer }

func (b bandWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), 60_000)
		if _, err := fmt.Fprintf(b.w, "%04x\x01%s", n+5, rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// TestAskedAgain: a server that breaks off once is asked again.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	s := serve(t, r)
	var asked atomic.Int32
	s.fault = func(w http.ResponseWriter, q *http.Request) bool {
		n := asked.Add(1)
		if n == 1 {
			w.WriteHeader(500)
		}
		if n == 3 {
			panic(http.ErrAbortHandler)
		}
		return n == 1
	}
	c := newClient(t)
	c.bounds.pauses = []time.Duration{time.Millisecond, time.Millisecond}
	if _, err := c.Checkout(t.Context(), remote(s.url), first, Options{}, t.TempDir()); err != nil || asked.Load() < 4 {
		t.Error(err, asked.Load())
	}
}

// TestStall: a server that takes the question and says nothing.
func TestStall(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	s, good := serve(t, r), serve(t, r)
	end := make(chan struct{})
	s.fault = func(w http.ResponseWriter, q *http.Request) bool {
		if q.Method == "POST" {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
		}
		<-end
		return true
	}
	t.Cleanup(func() { close(end) })
	c := newClient(t)
	c.bounds.stall = 300 * time.Millisecond
	if _, err := c.Checkout(t.Context(), remote(s.url, good.url), first, Options{}, t.TempDir()); err != nil {
		t.Error(err)
	}
	_, err := c.Checkout(t.Context(), remote(s.url), first, Options{}, t.TempDir())
	wantError(t, err, "fetch "+s.url+": stalled: nothing came in 300ms")
	_, _, err = c.Resolve(t.Context(), remote(s.url), "main")
	wantError(t, err, "fetch "+s.url+": stalled: nothing came in 300ms")

	// Ended by the caller: at once, and git's children with it.
	c.bounds.stall = 0
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	begun := time.Now()
	if _, err := c.Checkout(ctx, remote(s.url), first, Options{}, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if left := processesIn(t, c.Tmp); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
	c.bounds.longest = 400 * time.Millisecond
	_, _, err = c.Resolve(t.Context(), remote(s.url), "main")
	wantError(t, err, "fetch "+s.url+": stalled: not done after 400ms")
}

// processesIn returns the command lines of processes that work below dir.
func processesIn(t *testing.T, dir string) (out []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if to, err := os.Readlink(p); err == nil && strings.HasPrefix(to, dir) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(p), "cmdline"))
			out = append(out, string(line))
		}
	}
	return out
}
