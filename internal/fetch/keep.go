package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// keep reads a body into the sink and commits it when it is what f wants.
func (c *Client) keep(ctx context.Context, f File, t target, b body, m *meter, buf []byte) error {
	wrong := func(size int64, got digest.Digest) error {
		return t.fail(mismatch, &MismatchError{URL: t.String(), Want: f.Want, Got: got, Size: f.Size, GotSize: size})
	}
	limit := f.Size
	if f.Size < 0 {
		limit = maxUnknown
	}
	tooLarge := func(size int64) error {
		if f.Size < 0 {
			return t.fail(refused, fmt.Errorf("more than %d bytes, and nobody said its size", limit))
		}
		return wrong(size, digest.Digest{})
	}
	if b.length > limit || b.length >= 0 && b.length < f.Size {
		return tooLarge(b.length)
	}
	w, err := c.sink.Create()
	if err != nil {
		return fmt.Errorf("%s: %w", t, err)
	}
	defer w.Close()
	var n int64
	kept := false
	defer func() {
		if !kept {
			m.add(-n, f.Size)
		}
	}()
	for {
		k, err := b.Read(buf[:min(int64(len(buf)), limit+1-n)])
		n += int64(k)
		m.add(int64(k), f.Size)
		if n > limit {
			return tooLarge(n)
		}
		if _, err := w.Write(buf[:k]); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if err != nil && err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if n < f.Size {
		if !b.exact {
			return t.fail(broken, fmt.Errorf("cut after %d of %d bytes", n, f.Size))
		}
		return wrong(n, digest.Digest{})
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var other *store.MismatchError
	if _, _, err = w.Commit(&f.Want); errors.As(err, &other) {
		return wrong(n, other.Got)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t, err)
	}
	kept = true
	return nil
}
