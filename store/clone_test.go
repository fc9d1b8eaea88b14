package store

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestCloneTo: a reflink holds the proved bytes; where there are none the reader
// is as it was.
func TestCloneTo(t *testing.T) {
	s := newStore(t)
	body := bytes.Repeat([]byte("package "), 1<<15)
	d := must(s.PutBytes(body))
	f := must(os.Create(filepath.Join(t.TempDir(), "clone")))
	defer f.Close()
	r := must(s.OpenBlob(d))
	defer r.Close()
	err := r.CloneTo(f)
	if errors.Is(err, errors.ErrUnsupported) {
		if want := "reflink of blob " + d.String() + ": unsupported operation"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if info := must(f.Stat()); info.Size() != 0 {
			t.Errorf("%d bytes were written", info.Size())
		}
		_, err = io.Copy(f, r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := must(os.ReadFile(f.Name())); !bytes.Equal(got, body) {
		t.Errorf("%d bytes", len(got))
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("not read to its end: %d, %v", n, err)
	}

	// A blob that was changed in place is noticed by who opened it before.
	damaged := must(s.OpenBlob(d))
	defer damaged.Close()
	overwrite(s.BlobPath(d), flipByte(len(body)-1))
	if err = damaged.CloneTo(f); errors.Is(err, errors.ErrUnsupported) {
		_, err = io.Copy(io.Discard, damaged)
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := s.OpenBlob(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("after that: %v", err)
	}
}

// TestCheckBlob: damage is put aside, and healed where there is a copy.
func TestCheckBlob(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	loose := must(s.PutBytes([]byte("loose")))
	for _, d := range append(r.blobs(), loose) {
		if err := s.CheckBlob(d); err != nil {
			t.Error(err)
		}
		overwrite(s.BlobPath(d), flipByte(1))
		switch err := s.CheckBlob(d); {
		case d == loose && !errors.Is(err, ErrCorrupt), d != loose && err != nil:
			t.Errorf("damaged: %v", err)
		}
		must(0, os.RemoveAll(s.path(quarantineDir)))
		must(0, os.Mkdir(s.path(quarantineDir), 0o700))
	}
	if err := s.CheckBlob(loose); !errors.Is(err, ErrNotFound) {
		t.Errorf("after that: %v", err)
	}
	wantClean(t, s)
}
