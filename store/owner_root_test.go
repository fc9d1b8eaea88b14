//go:build root

package store

import (
	"errors"
	"os"
	"testing"
)

// TestOpenOfAnotherUser: also root does not mix its files into it.
func TestOpenOfAnotherUser(t *testing.T) {
	s := newStore(t)
	if err := os.Lchown(s.Dir(), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	_, err := Open(s.Dir())
	want := "store " + s.Dir() + ": store of another user: owned by uid 65534, this process runs as uid 0"
	if !errors.Is(err, ErrOwner) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
