package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// overwrite changes a file of the store behind its back, keeping mode and time.
func overwrite(path string, change func([]byte) []byte) {
	info := must(os.Lstat(path))
	b := must(os.ReadFile(path))
	must(0, os.Chmod(path, 0o600))
	must(0, os.WriteFile(path, change(b), 0o600))
	must(0, os.Chmod(path, info.Mode()))
	must(0, os.Chtimes(path, info.ModTime(), info.ModTime()))
}

func flipByte(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0x20
		return b
	}
}

func TestBlobDamaged(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"flipped":  flipByte(2),
		"cut":      func(b []byte) []byte { return b[:5] },
		"empty":    func([]byte) []byte { return nil },
		"extended": func(b []byte) []byte { return append(b, '\n') },
	} {
		for way, read := range map[string]func(io.Reader) ([]byte, error){
			"all": io.ReadAll,
			"exactly its size": func(r io.Reader) ([]byte, error) {
				b := make([]byte, r.(*BlobReader).Size+1)
				n, err := io.ReadAtLeast(r, b, int(r.(*BlobReader).Size))
				if n == 0 && err == nil { // an empty file has to be asked once more
					_, err = r.Read(b)
				}
				return b[:n], err
			},
			"by bytes": func(r io.Reader) ([]byte, error) { return io.ReadAll(iotest.OneByteReader(r)) },
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				s := newStore(t)
				d := must(s.PutBytes([]byte(helloText)))
				overwrite(s.BlobPath(d), change)
				damaged := must(os.ReadFile(s.BlobPath(d)))
				r := must(s.OpenBlob(d))
				defer r.Close()
				got, err := read(r)
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("read %q: %v", got, err)
				}
				if len(got) >= len(damaged) && len(damaged) > 0 {
					t.Errorf("all of the damaged bytes were handed out: %q", got)
				}
				if _, err := r.Read(make([]byte, 9)); !errors.Is(err, ErrCorrupt) {
					t.Errorf("read again: %v", err)
				}
				if _, ok := s.HasBlob(d); ok {
					t.Error("still in the store")
				}
				if _, err := s.OpenBlob(d); !errors.Is(err, ErrNotFound) {
					t.Errorf("open again: %v", err)
				}
				names := must(readNames(s.path(quarantineDir)))
				if len(names) != 1 || !strings.HasPrefix(names[0], "blob-"+helloHex+"-") {
					t.Fatalf("quarantine holds %q", names)
				}
				if diff := cmp.Diff(damaged, must(os.ReadFile(s.path(quarantineDir, names[0])))); diff != "" {
					t.Error(diff)
				}
				if want := fmt.Sprintf("blob %s: damaged in the store: it is in %s", d, s.path(quarantineDir, names[0])); err.Error() != want {
					t.Errorf("got %v\nwant %s", err, want)
				}
			})
		}
	}
}

func TestPutHealsADamagedBlob(t *testing.T) {
	s := newStore(t)
	d := must(s.PutBytes([]byte(helloText)))
	overwrite(s.BlobPath(d), flipByte(0))
	r := must(s.OpenBlob(d))
	defer r.Close()
	must(s.PutBytes([]byte(helloText)))
	// The reader of the old file must not take the new one away.
	if _, err := io.ReadAll(r); !errors.Is(err, ErrCorrupt) {
		t.Errorf("old file: %v", err)
	}
	if got, err := s.ReadBlob(d, 10); string(got) != helloText || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	wantClean(t, s)
}

func TestBlobIsNoLink(t *testing.T) {
	s := newStore(t)
	outside := t.TempDir() + "/outside"
	if err := os.WriteFile(outside, []byte(helloText), 0o644); err != nil {
		t.Fatal(err)
	}
	d := must(digest.ParseHex(helloHex))
	if err := os.Symlink(outside, s.BlobPath(d)); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.HasBlob(d); ok {
		t.Error("HasBlob followed a link")
	}
	if r, err := s.OpenBlob(d); err == nil {
		r.Close()
		t.Error("OpenBlob followed a link")
	}
	if _, err := s.PutBytes([]byte(helloText)); err != nil {
		t.Fatal(err)
	}
	wantClean(t, s)
	if info := must(os.Lstat(outside)); info.Mode() != 0o644 {
		t.Errorf("the link's target has mode %s", info.Mode())
	}
}
