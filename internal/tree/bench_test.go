package tree

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
)

// benchTree is like a small distribution: 8,000 files of 4 KB to 64 KB and some large ones, 250 MB.
func benchTree(b *testing.B) (string, int64) {
	dir := b.TempDir()
	var items []item
	var total int64
	data := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog. "), 1<<20)
	add := func(path string, size int) {
		items = append(items, item{kind: File, path: path, mode: 0o644, data: string(data[:size])})
		total += int64(size)
	}
	for i := range 80 {
		for j := range 100 {
			add(fmt.Sprintf("usr/share/%02d/%02d", i, j), 4096+(i*100+j)%16*4000)
		}
	}
	for i := range 4 {
		add(fmt.Sprintf("usr/lib/%d", i), 1<<23)
	}
	makeItems(b, dir, items)
	return dir, total
}

func BenchmarkWriteLayer(b *testing.B) {
	dir, total := benchTree(b)
	b.SetBytes(total)
	for b.Loop() {
		if _, err := WriteLayer(context.Background(), io.Discard, Capture{Dir: dir, Clamp: epoch}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpackLayer(b *testing.B) {
	dir, total := benchTree(b)
	var layer bytes.Buffer
	if _, err := WriteLayer(context.Background(), &layer, Capture{Dir: dir, Clamp: epoch}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(total)
	// Nothing is removed in between: for seconds ext4 walks around inodes that were freed just before.
	for b.Loop() {
		to, err := os.MkdirTemp(b.TempDir(), "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := UnpackLayer(context.Background(), bytes.NewReader(layer.Bytes()), to, UnpackOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	dir, _ := benchTree(b)
	l, err := WriteLayer(context.Background(), io.Discard, Capture{Dir: dir, Clamp: epoch})
	if err == nil {
		err = SetDirs(dir, l)
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := Check(dir, l); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(l)), "paths")
}

func BenchmarkReadLedger(b *testing.B) {
	dir, _ := benchTree(b)
	l, err := WriteLayer(context.Background(), io.Discard, Capture{Dir: dir, Clamp: epoch})
	if err != nil {
		b.Fatal(err)
	}
	s := text(b, l)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if _, err := ReadLedger(bytes.NewReader([]byte(s))); err != nil {
			b.Fatal(err)
		}
	}
}
