package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

const (
	helloText = "hello\n"
	helloHex  = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
)

// blobFiles lists what stands in blobs/ and beside it.
func blobFiles(t testing.TB, s *Store) string {
	t.Helper()
	var out []string
	for line := range strings.Lines(listing(t, s.Dir())) {
		if strings.Contains(line, " "+blobsDir+"/") || strings.Contains(line, " "+tmpDir+"/") || strings.Contains(line, " "+quarantineDir+"/") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func TestBlob(t *testing.T) {
	s := newStore(t)
	w, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"he", "", "llo\n"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("write %q: %d, %v", part, n, err)
		}
	}
	want := must(digest.ParseHex(helloHex))
	if size, ok := s.HasBlob(want); ok {
		t.Fatalf("there before it was committed: %d bytes", size)
	}
	d, size, err := w.Commit(&want)
	if d != want || size != 6 || err != nil {
		t.Fatalf("commit: %s, %d, %v", d, size, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := w.Commit(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second commit: %v", err)
	}
	if diff := cmp.Diff("-r--r--r-- 6 blobs/sha256/"+helloHex+"\n", blobFiles(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := must(os.ReadFile(s.BlobPath(d))); string(got) != helloText {
		t.Errorf("file holds %q", got)
	}
	if size, ok := s.HasBlob(d); size != 6 || !ok {
		t.Errorf("HasBlob: %d, %t", size, ok)
	}
	for _, chunk := range []int{1, 6, 100} {
		r := must(s.OpenBlob(d))
		if r.Size != 6 {
			t.Errorf("Size %d", r.Size)
		}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, chunk)); err != nil || got.String() != helloText {
			t.Errorf("read by %d: %q, %v", chunk, &got, err)
		}
		r.Close()
	}
	r := must(s.OpenBlob(d))
	defer r.Close()
	if err := iotest.TestReader(struct{ io.Reader }{r}, []byte(helloText)); err != nil {
		t.Error(err)
	}
}

// TestBlobInPieces: small and large writes are hashed in different ways.
func TestBlobInPieces(t *testing.T) {
	s := newStore(t)
	text := make([]byte, 10<<20+7)
	rand.NewChaCha8([32]byte{1}).Read(text)
	for _, piece := range []int{4 << 10, hashApart - 1, hashApart, 3 << 20, len(text)} {
		w := must(s.Create())
		for part := range slices.Chunk(text, piece) {
			must(w.Write(part))
		}
		want := digest.Of(text)
		if d, size, err := w.Commit(&want); d != want || size != int64(len(text)) || err != nil {
			t.Fatalf("by %d: %s, %d, %v", piece, d, size, err)
		}
		if !bytes.Equal(must(os.ReadFile(s.BlobPath(want))), text) {
			t.Errorf("by %d: the file holds other bytes", piece)
		}
	}
	wantClean(t, s)
}

func TestBlobEmpty(t *testing.T) {
	s := newStore(t)
	d := must(s.PutBytes(nil))
	if got, err := s.ReadBlob(d, 0); len(got) != 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	wantClean(t, s)
}

func TestBlobNotKept(t *testing.T) {
	s := newStore(t)
	w := must(s.Create())
	must(w.Write([]byte("hellp\n")))
	want := must(digest.ParseHex(helloHex))
	_, _, err := w.Commit(&want)
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || mismatch.Want != want || mismatch.Got != digest.Of([]byte("hellp\n")) {
		t.Errorf("other bytes: %v", err)
	}
	w = must(s.Create())
	must(w.Write([]byte(helloText)))
	for range 2 {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if got := blobFiles(t, s); got != "" {
		t.Errorf("left over: %s", got)
	}
	if _, err := s.OpenBlob(want); !errors.Is(err, ErrNotFound) || err.Error() != "blob sha256:"+helloHex+": not in the store" {
		t.Errorf("open: %v", err)
	}
}

func TestReadBlobLimit(t *testing.T) {
	s := newStore(t)
	d := must(s.PutBytes([]byte(helloText)))
	if got, err := s.ReadBlob(d, 6); string(got) != helloText || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err := s.ReadBlob(d, 5)
	if want := "blob sha256:" + helloHex + ": 6 bytes, at most 5 are expected"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestBlobsAtOnce: no name decides where a blob goes but the digest of its
// bytes, so many writers of the same blob and of others do not meet.
func TestBlobsAtOnce(t *testing.T) {
	s := newStore(t)
	done := make(chan error)
	const writers, each = 8, 10
	for i := range writers {
		go func() {
			var err error
			for j := range each {
				// Every second blob is the same for all.
				text := fmt.Sprintf("%d %d", j, i*(j%2))
				if d, perr := s.PutBytes([]byte(text)); perr != nil || d != digest.Of([]byte(text)) {
					err = fmt.Errorf("%s: %s, %w", text, d, perr)
				}
			}
			done <- err
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if report := wantClean(t, s); report.Blobs != each/2+writers*each/2 {
		t.Errorf("%d blobs", report.Blobs)
	}
}
