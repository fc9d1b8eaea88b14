// Package digest holds the two identities of pbuild, as distinct types so that
// the compiler stops a mix-up.
//
// A Digest names bytes: the sha256 of a blob, a layer, a file. A Key names a
// derivation: the sha256 of its canonical text. Both are written as
// "sha256:" and 64 lower case hexadecimal digits, the form of the OCI image
// specification (descriptor.md, "Digests"); no other algorithm is accepted.
//
// A Key is the Digest of the derivation's text, which is itself a blob, so
// Key.Text finds that blob. Nothing else converts one into the other.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

const prefix = "sha256:"

// Digest is the sha256 of some bytes. The zero value means «none».
type Digest [sha256.Size]byte

// Key is the hash of a derivation's canonical text. The zero value means «none».
type Key [sha256.Size]byte

// Of returns the digest of b.
func Of(b []byte) Digest { return sha256.Sum256(b) }

// KeyOf returns the key of a derivation's canonical text.
func KeyOf(text []byte) Key { return sha256.Sum256(text) }

// Parse reads "sha256:" and 64 lower case hexadecimal digits.
func Parse(s string) (Digest, error) {
	b, err := parse(s)
	return Digest(b), err
}

// ParseKey reads a key; the form is that of a digest.
func ParseKey(s string) (Key, error) {
	b, err := parse(s)
	return Key(b), err
}

// ParseHex reads the 64 lower case hexadecimal digits of a digest, as file
// names and checksum lists carry them.
func ParseHex(s string) (Digest, error) { return Parse(prefix + s) }

func parse(s string) (out [sha256.Size]byte, err error) {
	h, ok := strings.CutPrefix(s, prefix)
	if !ok || len(h) != 2*sha256.Size || strings.ToLower(h) != h {
		return out, fmt.Errorf("digest %q: want sha256: and 64 lower case hexadecimal digits", s)
	}
	if _, err := hex.Decode(out[:], []byte(h)); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("digest %q: want sha256: and 64 lower case hexadecimal digits", s)
	}
	return out, nil
}

// String returns the full form, "sha256:…".
func (d Digest) String() string { return prefix + d.Hex() }

// Hex returns the 64 hexadecimal digits alone.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// AppendHex appends the 64 hexadecimal digits to b.
func (d Digest) AppendHex(b []byte) []byte { return hex.AppendEncode(b, d[:]) }

// Short returns the form for people: "sha256:" and twelve digits.
func (d Digest) Short() string { return prefix + d.Hex()[:12] }

// IsZero reports whether d is the zero value.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = Parse(string(b))
	return err
}

// String returns the full form, "sha256:…".
func (k Key) String() string { return prefix + k.Hex() }

// Hex returns the 64 hexadecimal digits alone.
func (k Key) Hex() string { return hex.EncodeToString(k[:]) }

// Short returns the form for people: "sha256:" and twelve digits.
func (k Key) Short() string { return prefix + k.Hex()[:12] }

// IsZero reports whether k is the zero value.
func (k Key) IsZero() bool { return k == Key{} }

// Text returns the digest of the blob that holds the derivation's text.
func (k Key) Text() Digest { return Digest(k) }

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKey(string(b))
	return err
}

// Hasher computes a digest and a size while bytes are written to it.
type Hasher struct {
	h hash.Hash
	n int64
}

// NewHasher returns an empty Hasher.
func NewHasher() *Hasher { return &Hasher{h: sha256.New()} }

// Write adds p; it never fails.
func (h *Hasher) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	return h.h.Write(p)
}

// Digest returns the digest of what was written so far.
func (h *Hasher) Digest() (d Digest) {
	h.h.Sum(d[:0])
	return d
}

// Size returns the number of bytes written so far.
func (h *Hasher) Size() int64 { return h.n }
