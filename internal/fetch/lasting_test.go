package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

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
