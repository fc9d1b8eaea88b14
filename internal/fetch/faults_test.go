package fetch

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
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
	}{
		"cut body":               {cut(okHead, length(len(content)), content[:9000]), 0, 0},
		"cut chunked body":       {cut(okHead, "Transfer-Encoding: chunked\r\n\r\n", "10\r\n0123456789abcdef\r\n"), 0, 0},
		"cut body of no length":  {cut(okHead, "\r\n", content[:9000]), 0, 0},
		"cut in the header":      {cut(okHead, "Content-Le"), 0, 0},
		"closed without a word":  {cut(), 0, 0},
		"garbage":                {cut("what?\r\n\r\n"), 0, 0},
		"endless header":         {endlessHeader, 0, 0},
		"silent":                 {hang(), 0, 0},
		"stalls in the header":   {hang(okHead), 0, 0},
		"stalls in the body":     {hang(okHead, length(len(content)), content[:9000]), 0, 0},
		"drips":                  {drip, 0, 0},
		"500":                    {status(500), 0, 0},
		"502":                    {status(502), 0, 0},
		"408":                    {status(408), 0, 0},
		"425":                    {status(425), 0, 0},
		"429":                    {status(429), 0, 0},
		"429 in seconds":         {status(429, "Retry-After", "7"), 14 * time.Second, 20 * time.Second},
		"503 until a time":       {status(503, "Date", "Mon, 23 Nov 2026 16:00:00 GMT", "Retry-After", "Mon, 23 Nov 2026 16:00:40 GMT"), 80 * time.Second, 95 * time.Second},
		"503 until a past time":  {status(503, "Date", "Mon, 23 Nov 2026 16:00:00 GMT", "Retry-After", "Mon, 23 Nov 2026 15:00:00 GMT"), 0, 0},
		"503 until nobody knows": {status(503, "Retry-After", "soon"), 0, 0},
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
	for {
		if _, err := io.WriteString(conn, "X-More: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
			return
		}
	}
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

// TestLastingFaults: each of these never ends. The server is asked as often as
// said, the error is exact, and nothing enters the store.
func TestLastingFaults(t *testing.T) {
	want := digest.Of([]byte(content))
	other := strings.ToUpper(content)
	for name, tc := range map[string]struct {
		fault    func(http.ResponseWriter, *http.Request)
		size     int64 // wanted; 0: the right one
		requests int
		err      string // URL stands for the file's
	}{
		"wrong bytes":         {whole200(other), 0, 1, fmt.Sprintf("URL: digest mismatch: want %s, got %s", want, digest.Of([]byte(other)))},
		"wrong, size unknown": {whole200(other), -1, 1, fmt.Sprintf("URL: digest mismatch: want %s, got %s", want, digest.Of([]byte(other)))},
		"too short":           {whole200(content[:19_999]), 0, 1, "URL: size mismatch: want 20000 bytes, got 19999"},
		"too short, chunked":  {chunked(content[:19_999]), 0, 1, "URL: size mismatch: want 20000 bytes, got 19999"},
		"too long":            {whole200(content + "x"), 0, 1, "URL: size mismatch: want 20000 bytes, got at least 20001"},
		"too long, chunked":   {chunked(content + "xyz"), 0, 1, "URL: size mismatch: want 20000 bytes, got at least 20001"},
		"endless":             {endless, 0, 1, "URL: size mismatch: want 20000 bytes, got at least 20001"},
		"endless of no size":  {endless, -1, 1, "URL: more than 67108864 bytes, and nobody said its size"},
		"empty":               {whole200(""), 0, 1, "URL: size mismatch: want 20000 bytes, got 0"},
		"redirect loop":       {again, 0, 6, "URL: more than 5 redirects"},
		"redirect to file":    {status(302, "Location", "file:///etc/passwd"), 0, 1, "URL: redirect to file:///etc/passwd: not followed: neither http nor https"},
		"redirect to ftp":     {status(301, "Location", "ftp://me:secret@mirror.example/x"), 0, 1, "URL: redirect to ftp://me:xxxxx@mirror.example/x: not followed: neither http nor https"},
		"redirect to nowhere": {status(302), 0, 1, "URL: 302 Found"},
		"403":                 {status(403), 0, 1, "URL: 403 Forbidden"},
		"204":                 {status(204), 0, 1, "URL: 204 No Content"},
		"206":                 {status(206), 0, 1, "URL: 206 Partial Content"},
		"500":                 {status(500), 0, 5, "URL: 500 Internal Server Error (5 tries)"},
		"come next week":      {status(429, "Retry-After", "604800"), 0, 1, "URL: 429 Too Many Requests: asks to wait 168h0m0s"},
		"cut":                 {cut(okHead, length(len(content)), content[:9000]), 0, 8, "URL: unexpected EOF (8 tries)"},
		"cut, no length":      {cut(okHead, "\r\n", content[:9000]), 0, 8, "URL: cut after 9000 of 20000 bytes (8 tries)"},
		"stalls":              {hang(okHead, length(len(content)), content[:9000]), 0, 8, "URL: stalled: less than 1024 bytes in 100ms (8 tries)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t, nil)
			a.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				tc.fault(w, r)
				return true
			}
			s := newStore(t)
			c, _ := newClient(t, s, a.base())
			c.pace.stall = 100 * time.Millisecond
			f := file("pool/a.deb", content)
			if tc.size != 0 {
				f.Size = tc.size
			}
			var done int64
			err := c.All(t.Context(), []File{f}, func(d, _ int64) { done = d })
			wantError(t, err, "fetch "+strings.Replace(tc.err, "URL", a.base()+"/pool/a.deb", 1))
			var mismatch *MismatchError
			if is := strings.Contains(tc.err, "mismatch"); errors.As(err, &mismatch) != is {
				t.Errorf("*MismatchError: want %v, got %#v", is, err)
			} else if is && (mismatch.URL != a.base()+"/pool/a.deb" || mismatch.Want != want) {
				t.Errorf("%#v", mismatch)
			}
			holds(t, s)
			if done != 0 {
				t.Errorf("progress ended at %d", done)
			}
			if n := a.requests(); n != tc.requests {
				t.Errorf("%d requests, want %d", n, tc.requests)
			}
		})
	}
}

func whole200(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		io.WriteString(w, body)
	}
}

func chunked(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, body[:1])
		w.(http.Flusher).Flush()
		io.WriteString(w, body[1:])
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	b := []byte(strings.Repeat("x", 1<<16))
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

func again(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusFound)
}

// TestSlowIsNotStalled: a server that needs several windows of patience for one
// file, but sends enough in each, is not asked again.
func TestSlowIsNotStalled(t *testing.T) {
	a := newArchive(t, nil)
	a.fault = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		for i := 0; i < len(content); i += 2000 {
			io.WriteString(w, content[i:i+2000])
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		return true
	}
	s := newStore(t)
	c, _ := newClient(t, s, a.base())
	c.pace.stall = 400 * time.Millisecond
	if err := c.All(t.Context(), []File{file("pool/a.deb", content)}, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, content)
	if a.requests() != 1 {
		t.Errorf("%d requests", a.requests())
	}
}

// TestStallingMirrorIsAskedLast: only the files under way when a mirror proves
// silent wait for it.
func TestStallingMirrorIsAskedLast(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("pool/%d.deb", i)] = text(fmt.Sprint(i), 2000)
	}
	silent, good := newArchive(t, nil), newArchive(t, files)
	silent.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		hang()(w, r)
		return true
	}
	s := newStore(t)
	c, k := newClient(t, s, silent.base(), good.base())
	c.pace.stall = 200 * time.Millisecond
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if silent.requests() != parallel || good.requests() != len(files) || len(k.slept) != 0 {
		t.Errorf("%d and %d requests, slept %v", silent.requests(), good.requests(), k.slept)
	}
}

// TestPausedMirrorIsLeftAlone: while one mirror asks for time the other serves.
func TestPausedMirrorIsLeftAlone(t *testing.T) {
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("pool/%d.deb", i)] = text(fmt.Sprint(i), 2000)
	}
	limited, good := newArchive(t, files), newArchive(t, files)
	limited.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		status(429, "Retry-After", "30")(w, r)
		return true
	}
	s := newStore(t)
	c, k := newClient(t, s, limited.base(), good.base())
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if limited.requests() > parallel || good.requests() != len(files) || len(k.slept) != 0 {
		t.Errorf("%d and %d requests, slept %v", limited.requests(), good.requests(), k.slept)
	}
}

// TestPartition: after a first answer the server is away for thirty seconds.
func TestPartition(t *testing.T) {
	files := map[string]string{"pool/a.deb": content, "pool/b.deb": text("b", 100)}
	a := newArchive(t, files)
	addr := a.Listener.Addr().String()
	s := newStore(t)
	c, k := newClient(t, s, a.base())
	if err := c.All(t.Context(), filesOf(files)[1:], nil); err != nil {
		t.Fatal(err)
	}
	a.Server.Close()
	begun, back := k.now(), false
	k.onNap = func(int) {
		if back || k.now().Sub(begun) < 30*time.Second {
			return
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		back = true
		again := &httptest.Server{Listener: l, Config: &http.Server{Handler: a}}
		again.Start()
		t.Cleanup(again.Close)
	}
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	if !back {
		t.Error("it never came back")
	}
	holds(t, s, content, files["pool/b.deb"])
}
