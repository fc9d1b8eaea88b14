package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkRun is start to exit of a small static program, on an image that has
// what a system has, in a new scratch directory each time.
func BenchmarkRun(b *testing.B) {
	s := probe(b, "exit", "0")
	addTree(b, s.Lower[0], "dev/", "proc/", "run/", "sys/", "tmp/", "etc/hosts", "etc/resolv.conf")
	if program := smallestProgram(); program != nil {
		if err := os.WriteFile(filepath.Join(s.Lower[0], "bin/true"), program, 0o755); err != nil {
			b.Fatal(err)
		}
		s.Argv = []string{"/bin/true"}
	}
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		// The kernel takes the last network namespace apart in the background,
		// and holds up the making of the next one meanwhile.
		time.Sleep(20 * time.Millisecond)
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
