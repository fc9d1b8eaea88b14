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
