package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"
)

// body is what a server, or a file, holds for a URL.
type body struct {
	io.Reader
	length int64 // announced; negative: not
	exact  bool  // its end is marked, so that a cut shows as an error
}

// redirectError is a redirect that is not followed.
type redirectError struct{ why string }

func (e *redirectError) Error() string { return e.why }

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return &redirectError{fmt.Sprintf("more than %d redirects", maxRedirects)}
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return &redirectError{fmt.Sprintf("redirect to %s: not followed: neither http nor https", r.URL.Redacted())}
	}
	return nil
}

// request asks t once and hands the body to use. Its error is a *failure, an
// error of use, or that of ctx.
func (c *Client) request(ctx context.Context, t target, use func(body) error) error {
	if t.url.Scheme == "file" {
		return c.local(t, use)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := newWatch(c.pace.stall, cancel)
	defer w.stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url.String(), nil)
	if err != nil {
		return t.fail(refused, err)
	}
	req.Header.Set("User-Agent", "pbuild")
	w.start()
	resp, err := c.http.Do(req)
	w.stop()
	if err != nil {
		return c.connectionFailure(ctx, t, err)
	}
	defer resp.Body.Close()
	t.host.hasAnswered()
	c.reached.Store(true)
	in := w.reader(ctx, t, resp.Body)
	if resp.StatusCode != http.StatusOK {
		// A short rest is read so that the connection can be used again.
		io.CopyN(io.Discard, in, 4<<10)
		return t.answer(resp)
	}
	return use(body{in, resp.ContentLength, resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0})
}

// answer says what an answer other than 200 means.
func (t target) answer(resp *http.Response) *failure {
	f := t.fail(refused, fmt.Errorf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound, code == http.StatusGone:
		f.kind = gone
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		f.kind = busy
		f.wait = retryAfter(resp.Header)
		if f.wait > maxRetryAfter {
			return t.fail(refused, fmt.Errorf("%w: asks to wait %s", f.err, f.wait))
		}
	}
	return f
}

// connectionFailure says what an error before the answer means.
func (c *Client) connectionFailure(ctx context.Context, t target, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return t.fail(broken, stalled(c.pace.stall))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err // the rest repeats the URL
	}
	var d *DialError
	var redirect *redirectError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &d):
		if t.host.lose(d) {
			return t.fail(broken, err)
		}
		return t.fail(noRoute, d)
	case errors.As(err, &redirect):
		return t.fail(refused, redirect)
	case errors.As(err, &certificate):
		return t.fail(refused, certificate)
	}
	return t.fail(broken, err)
}

// local reads a file: mirror. Only regular files count: nothing else ends.
func (c *Client) local(t target, use func(body) error) error {
	t.host.hasAnswered()
	f, err := os.OpenFile(t.url.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return t.fail(gone, errors.New("no such file"))
	}
	if err != nil {
		return t.fail(refused, bare(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return t.fail(refused, bare(err))
	}
	if !info.Mode().IsRegular() {
		return t.fail(refused, errors.New("not a regular file"))
	}
	return use(body{failing{f, t, refused}, info.Size(), true})
}

// failing makes read errors failures of a target.
type failing struct {
	r io.Reader
	t target
	k kind
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		err = f.t.fail(f.k, bare(err))
	}
	return n, err
}

// bare drops the path that an *fs.PathError repeats.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

var errStalled = errors.New("stalled")

func stalled(window time.Duration) error {
	return fmt.Errorf("stalled: less than %d bytes in %s", stallBytes, window)
}
