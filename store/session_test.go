package store

import (
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestSessionList: each thing is in the list once, and Close leaves nothing.
func TestSessionList(t *testing.T) {
	s := newStore(t)
	d := must(s.PutBytes([]byte(helloText)))
	must(s.PutBytes([]byte(helloText)))
	s.HasBlob(d)
	gone := digest.Of([]byte("gone"))
	s.HasBlob(gone)
	pins := must(s.pinned(false))
	if len(pins) != 2 || pins[0] != d || pins[1] != gone {
		t.Errorf("list %v", pins)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	s.HasBlob(d) // looking begins no session
	for _, name := range must(readNames(s.path(locksDir))) {
		if strings.HasPrefix(name, sessionPrefix) {
			t.Errorf("left: %s", name)
		}
	}
}

func FuzzParsePins(f *testing.F) {
	f.Add("")
	f.Add(helloHex + "\n" + helloHex + "\n")
	f.Add(helloHex + "\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := parsePins(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, d := range ds {
			again.WriteString(d.Hex() + "\n")
		}
		if got := again.String(); got != text && got != text+"\n" {
			t.Errorf("parsed %q, printed %q", text, got)
		}
	})
}
