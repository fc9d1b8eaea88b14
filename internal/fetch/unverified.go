package fetch

import (
	"context"
	"fmt"
	"io"
)

// Unverified returns a file of which no digest is known, at most limit bytes. It
// is for what carries a signature, as dists/SUITE/InRelease does, which the
// caller has checked before anything of it is believed: whoever serves a mirror,
// or sits on the way to it, chooses these bytes. Nothing of it enters sink.
//
// Errors are those of All; that it is larger than limit is one of the server's.
func (c *Client) Unverified(ctx context.Context, path string, limit int64) ([]byte, error) {
	content, err := c.unverified(ctx, path, limit)
	if err != nil {
		return nil, fmt.Errorf("fetch %w", err)
	}
	return content, nil
}

func (c *Client) unverified(ctx context.Context, path string, limit int64) ([]byte, error) {
	if err := checkFile(path); err != nil {
		return nil, err
	}
	if c.Offline {
		return nil, &OfflineError{Files: []File{{Path: path, Size: -1}}}
	}
	targets, err := c.targets(ctx, path)
	if err != nil {
		return nil, err
	}
	var content []byte
	failures, err := c.rounds(ctx, targets, forFiles(), func(t target) error {
		return c.request(ctx, t, func(b body) (err error) {
			content, err = b.whole(t, limit)
			return err
		})
	})
	if failures == nil {
		return content, err
	}
	gone, err := verdict(File{Path: path}, failures)
	if gone != nil {
		err = &MissingError{Files: []MissingFile{*gone}}
	}
	return nil, err
}

// whole reads a body of at most limit bytes.
func (b body) whole(t target, limit int64) ([]byte, error) {
	tooLarge := t.fail(refused, fmt.Errorf("more than %d bytes", limit))
	if b.length > limit {
		return nil, tooLarge
	}
	content, err := io.ReadAll(io.LimitReader(b, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, tooLarge
	case b.length >= 0 && int64(len(content)) < b.length:
		return nil, t.fail(broken, fmt.Errorf("cut after %d of %d bytes", len(content), b.length))
	}
	return content, nil
}
