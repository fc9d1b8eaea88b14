package store

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

const benchSize = 256 << 20

// benchBytes is a megabyte that nothing compresses or dedupes.
func benchBytes() []byte {
	b := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// BenchmarkSHA256 is the yardstick for BenchmarkStore256MiB.
func BenchmarkSHA256(b *testing.B) {
	chunk := benchBytes()
	b.SetBytes(benchSize)
	for b.Loop() {
		h := sha256.New()
		for range benchSize / len(chunk) {
			h.Write(chunk)
		}
	}
}

// BenchmarkStore256MiB is one blob, hashed while it is written, synced and
// renamed. The target is half of BenchmarkSHA256's speed.
func BenchmarkStore256MiB(b *testing.B) {
	s := newStore(b)
	chunk := benchBytes()
	b.SetBytes(benchSize)
	for b.Loop() {
		chunk[0]++
		w := must(s.Create())
		for range benchSize / len(chunk) {
			must(w.Write(chunk))
		}
		d, _, err := w.Commit(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		os.Remove(s.BlobPath(d))
		b.StartTimer()
	}
}

// BenchmarkWrite256MiB is what the disk takes, without hashing.
func BenchmarkWrite256MiB(b *testing.B) {
	dir := b.TempDir()
	chunk := benchBytes()
	b.SetBytes(benchSize)
	for b.Loop() {
		f := must(os.Create(filepath.Join(dir, "f")))
		for range benchSize / len(chunk) {
			must(f.Write(chunk))
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

// BenchmarkLookupProcess is a hit in a fresh process, from fork to exit.
func BenchmarkLookupProcess(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := newStore(b)
			var r Realization
			for i := range n {
				r = must(put(s, "hello", strconv.Itoa(i)))
				if n == 1 || i == n-1 {
					must(s.Record(r, "hello-deb"))
				} else if err := s.writeFile(journalPath(r.Key), must(r.encode()), 0o444); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Rebuild(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.Run("process", func(b *testing.B) {
				for b.Loop() {
					if out, err := roleCommand(b, "lookup", s.Dir(), r.Key.String()).CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
			})
			b.Run("empty-process", func(b *testing.B) {
				for b.Loop() {
					if out, err := roleCommand(b, "nothing").CombinedOutput(); err != nil {
						b.Fatalf("%v: %s", err, out)
					}
				}
			})
			b.Run("call", func(b *testing.B) {
				for b.Loop() {
					must(s.Lookup(r.Key))
				}
			})
		})
	}
}

// BenchmarkRecord is one finished node: journal, root, index.json, database.
func BenchmarkRecord(b *testing.B) {
	s := newStore(b)
	i := 0
	for b.Loop() {
		b.StopTimer()
		r := must(put(s, "hello", strconv.Itoa(i)))
		i++
		b.StartTimer()
		must(s.Record(r, "hello-deb"))
	}
}

func BenchmarkReadBlob(b *testing.B) {
	s := newStore(b)
	w := must(s.Create())
	chunk := benchBytes()
	for range 64 {
		must(w.Write(chunk))
	}
	d, _, err := w.Commit(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		r := must(s.OpenBlob(d))
		must(io.Copy(io.Discard, r))
		r.Close()
	}
}
