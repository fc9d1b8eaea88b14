package store

import (
	"bytes"
	"fmt"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Small files that no digest names (journal, roots, ledgers, and the values of
// the database) end in a seal: a last line that is the digest of the lines
// before it. A damaged one is noticed when it is read.

// seal appends the seal to text, which ends in a newline.
func seal(text []byte) []byte {
	return append(bytes.Clone(text), digest.Of(text).String()+"\n"...)
}

// unseal returns the text before the seal, or ErrCorrupt.
func unseal(b []byte) ([]byte, error) {
	i := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	text := b[:i:i]
	if !bytes.Equal(b[i:], []byte(digest.Of(text).String()+"\n")) {
		return nil, fmt.Errorf("%w: its seal does not fit", ErrCorrupt)
	}
	return text, nil
}
