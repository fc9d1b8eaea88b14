package fetch

import (
	"context"
	"errors"
	"io"
	"time"
)

// watch cancels a request that stays silent: each window of waiting must bring
// an answer or stallBytes. Only waiting for the server counts, not what we do
// with the bytes meanwhile (a slow disk is no reason to ask again).
type watch struct {
	timer  *time.Timer
	window time.Duration
	left   time.Duration // of the window
	came   int64         // bytes in the window
}

func newWatch(window time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{window: window, left: window}
	w.timer = time.AfterFunc(window, func() { cancel(errStalled) })
	w.timer.Stop()
	return w
}

func (w *watch) start() { w.timer.Reset(w.left) }
func (w *watch) stop()  { w.timer.Stop() }

// reader returns r watched; its errors are failures of t or that of ctx.
func (w *watch) reader(ctx context.Context, t target, r io.Reader) io.Reader {
	return &watched{w, ctx, t, r}
}

type watched struct {
	w   *watch
	ctx context.Context
	t   target
	r   io.Reader
}

func (r *watched) Read(p []byte) (int, error) {
	w := r.w
	begun := time.Now()
	w.start()
	n, err := r.r.Read(p)
	w.stop()
	w.left = max(w.left-time.Since(begun), time.Nanosecond)
	if w.came += int64(n); w.came >= stallBytes {
		w.left, w.came = w.window, 0
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(context.Cause(r.ctx), errStalled) {
		return n, r.t.fail(broken, stalled(w.window))
	}
	if r.ctx.Err() != nil {
		return n, r.ctx.Err()
	}
	return n, r.t.fail(broken, err)
}
