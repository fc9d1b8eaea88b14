package store

import (
	"bytes"
	"errors"
	"testing"
)

func TestSeal(t *testing.T) {
	const text = "{\n\t\"a\": 1\n}\n"
	const want = text + "sha256:085163cc0699cc6bb48e6adad779719b31acb1a8520a92b9a2a039a911958b36\n"
	sealed := seal([]byte(text))
	if got, err := unseal(sealed); err != nil || string(got) != text {
		t.Fatalf("unseal: %q, %v", got, err)
	}
	if string(sealed) != want {
		t.Errorf("sealed is %q", sealed)
	}
	for i := range sealed {
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[i] ^= 1 << bit
			if _, err := unseal(b); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d, bit %d flipped: %v", i, bit, err)
			}
		}
		if _, err := unseal(sealed[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	f.Add([]byte(""))
	f.Add(seal(nil))
	f.Add(seal([]byte("a\nb\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := unseal(b)
		if err == nil && !bytes.Equal(seal(text), b) {
			t.Errorf("unseal(%q) = %q, which seals to %q", b, text, seal(text))
		}
	})
}
