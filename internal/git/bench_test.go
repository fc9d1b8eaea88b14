package git

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCheckout compares, in turns, a Checkout of 15,000 small files over
// HTTP with a plain git clone --depth 1, and reports the median of the ratios of
// neighbours.
func BenchmarkCheckout(b *testing.B) {
	r := newRepo(b)
	files := content{}
	for i := range 15_000 {
		files[fmt.Sprintf("d%02d/e%02d/file%05d.txt", i%40, i/40%20, i)] = strings.Repeat(fmt.Sprintf("line %d of some text\n", i), 5+i%60)
	}
	id := r.commit("main", "x", files)
	s := serve(b, r)
	c := newClient(b)
	var ratios []float64
	var ours, theirs []time.Duration
	for b.Loop() {
		// Nothing is removed in between: for seconds ext4 walks around inodes that were freed just before.
		dir := b.TempDir()
		begun := time.Now()
		plainGit(b, "/", "", "clone", "-q", "--depth=1", "--branch=main", s.url, filepath.Join(dir, "clone"))
		plain := time.Since(begun)
		out := filepath.Join(dir, "out")
		if err := os.Mkdir(out, 0o700); err != nil {
			b.Fatal(err)
		}
		begun = time.Now()
		if _, err := c.Checkout(b.Context(), remote(s.url), id, Options{}, out); err != nil {
			b.Fatal(err)
		}
		own := time.Since(begun)
		ratios = append(ratios, own.Seconds()/plain.Seconds())
		ours, theirs = append(ours, own), append(theirs, plain)
	}
	slices.Sort(ratios)
	slices.Sort(ours)
	slices.Sort(theirs)
	half := len(ratios) / 2
	b.ReportMetric(ratios[half], "ratio")
	b.ReportMetric(ours[half].Seconds()*1000, "ms/checkout")
	b.ReportMetric(theirs[half].Seconds()*1000, "ms/clone")
}
