//go:build root

package sandbox

import (
	"errors"
	"flag"
	"testing"
)

// testsOfRoot runs those tests that are about the host's root.
func testsOfRoot(m *testing.M) int {
	asked := flag.Lookup("test.run")
	flag.Parse()
	before := asked.Value.String()
	defer asked.Value.Set(before)
	asked.Value.Set("^TestRoot")
	return m.Run()
}

func TestRootIsRefused(t *testing.T) {
	s := Spec{Lower: []string{t.TempDir()}, Scratch: t.TempDir(), Argv: []string{"/bin/true"}}
	err := Run(t.Context(), s)
	var stage *StageError
	if !errors.As(err, &stage) || stage.Stage != "caller" || !errors.Is(err, errRoot) || stage.Hint != "run as an unprivileged user" {
		t.Fatalf("got %#v", err)
	}
	got := Check(t.Context(), t.TempDir())
	if len(got) != 1 || got[0].Name != "caller" || !errors.Is(got[0].Err, errRoot) {
		t.Fatalf("got %v", got)
	}
}
