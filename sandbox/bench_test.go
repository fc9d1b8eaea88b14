package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkRun is start to exit of a small static program, on an image that
// has the usual directories, in a new scratch directory each time.
func BenchmarkRun(b *testing.B) {
	s := probe(b, "exit", "0")
	for _, name := range fixedPoints() {
		if err := os.Mkdir(filepath.Join(s.Lower[0], name), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		s.Scratch = tempDir(b)
		b.StartTimer()
		start := time.Now()
		if err := Run(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(took[0].Microseconds())/1000, "min-ms")
}
