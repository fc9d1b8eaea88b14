package fetch

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// content is what the faulty servers below should have sent.
var content = text("content", 20_000)

const okHead = "HTTP/1.1 200 OK\r\n"

// status answers with a status and header lines.
func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// hang says what it has and then nothing more.
func hang(parts ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		for _, p := range parts {
			io.WriteString(conn, p)
		}
		io.Copy(io.Discard, conn) // until the client goes
	}
}

func length(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }

// TestPassingFaults: each of these happens twice before the right answer.
func TestPassingFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request)
		least time.Duration // of all pauses together
		most  time.Duration
		naps  int // 0: 2, one after each fault
	}{
		"cut body":               {cut(okHead, length(len(content)), content[:9000]), 0, 0, 0},
		"cut chunked body":       {cut(okHead, "Transfer-Encoding: chunked\r\n\r\n", "10\r\n0123456789abcdef\r\n"), 0, 0, 0},
		"cut body of no length":  {cut(okHead, "\r\n", content[:9000]), 0, 0, 0},
		"cut in the header":      {cut(okHead, "Content-Le"), 0, 0, 0},
		"closed without a word":  {cut(), 0, 0, 0},
		"garbage":                {cut("what?\r\n\r\n"), 0, 0, 0},
		"endless header":         {endlessHeader, 0, 0, 0},
		"silent":                 {hang(), 0, 0, 0},
		"stalls in the header":   {hang(okHead), 0, 0, 0},
		"stalls in the body":     {hang(okHead, length(len(content)), content[:9000]), 0, 0, 0},
		"drips":                  {drip, 0, 0, 0},
		"500":                    {status(500), 0, 0, 0},
		"502":                    {status(502), 0, 0, 0},
		"408":                    {status(408), 0, 0, 0},
		"425":                    {status(425), 0, 0, 0},
		"429":                    {status(429), 0, 0, 0},
		"429 in seconds":         {status(429, "Retry-After", "7"), 14 * time.Second, 20 * time.Second, 4},
		"503 until a time":       {status(503, "Date", "Mon, 23 Nov 2026 16:00:00 GMT", "Retry-After", "Mon, 23 Nov 2026 16:00:40 GMT"), 80 * time.Second, 95 * time.Second, 4},
		"503 until a past time":  {status(503, "Date", "Mon, 23 Nov 2026 16:00:00 GMT", "Retry-After", "Mon, 23 Nov 2026 15:00:00 GMT"), 0, 0, 0},
		"503 until nobody knows": {status(503, "Retry-After", "soon"), 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t, map[string]string{"pool/a.deb": content})
			a.fault = func(w http.ResponseWriter, r *http.Request, n int) bool {
				if n > 2 {
					return false
				}
				tc.fault(w, r)
				return true
			}
			s := newStore(t)
			c, k := newClient(t, s, a.base())
			c.pace.stall = 150 * time.Millisecond
			var done, total int64
			if err := c.All(t.Context(), []File{file("pool/a.deb", content)}, func(d, n int64) { done, total = d, n }); err != nil {
				t.Fatal(err)
			}
			holds(t, s, content)
			if done != total || total != int64(len(content)) {
				t.Errorf("progress ended at %d of %d", done, total)
			}
			if n := a.requests(); n != 3 {
				t.Errorf("%d requests, want 3", n)
			}
			if n := max(tc.naps, 2); len(k.slept) != n {
				t.Errorf("slept %v, want %d pauses", k.slept, n)
			}
			// Pauses of 0.5 and 1 s, a quarter more or less.
			least, most := max(tc.least, 1125*time.Millisecond), max(tc.most, 1875*time.Millisecond)
			if sum := k.total(); sum < least || sum > most {
				t.Errorf("slept %v, want %s to %s together", k.slept, least, most)
			}
		})
	}
}

func cut(parts ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { raw(w, parts...) }
}

func endlessHeader(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := w.(http.Hijacker).Hijack()
	defer conn.Close()
	io.WriteString(conn, okHead)
	for range 8 << 10 {
		if _, err := io.WriteString(conn, "X-More: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
			return
		}
	}
	io.WriteString(conn, length(len(content))+content) // whoever took 8 MiB gets his file
}

// drip sends a byte at a time, never still but far too slow.
func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	for i := range len(content) {
		if _, err := io.WriteString(w, content[i:i+1]); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
