package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/limits"
)

// TestLimits: the collection chooses, up to what the user allows; each default
// remembers who chose it.
func TestLimits(t *testing.T) {
	const gib = 1 << 30
	h := host("/w", map[string]string{
		ourYAML:  "limits:\n  memory: 30GiB\n  time: 1h\n  disk: 3GiB\n",
		userYAML: "debian: ['https://a.example']\nlimits: {memory: 6GiB, processes: 900, disk: 5GiB}\n",
	})
	h.RAM = 10 * gib
	got, err := Resolve(Flags{}, h)
	if err != nil {
		t.Fatal(err)
	}
	want := limits.Policy{
		Default: limits.Limits{Memory: 6 * gib, Processes: 900, Disk: 3 * gib, Output: 256 << 20, Time: time.Hour},
		Most:    limits.Limits{Memory: 6 * gib, Processes: 900, Disk: 5 * gib, Output: 4 * gib, Time: 48 * time.Hour},
	}
	if d := cmp.Diff(want, got.Limits); d != "" {
		t.Error(d)
	}
	const user = "~/.config/pbuild/config.yaml:2"
	if d := cmp.Diff([]Row{
		{"limits.memory", "6GiB", user},
		{"limits.processes", "900", user},
		{"limits.disk", "3GiB", "recipes/pbuild.yaml:4"},
		{"limits.output", "256MiB", "default"},
		{"limits.time", "1h", "recipes/pbuild.yaml:3"},
	}, got.Rows(nil)[5:]); d != "" {
		t.Error(d)
	}
	throughJSON(t, got)

	h = host("/w", nil)
	h.RAM = 10*gib + 5
	if got, err = Resolve(Flags{}, h); err != nil || got.Limits.Default.Memory != 5*gib || got.Limits.Most.Memory != 5*gib || got.LimitsFrom["memory"] != "default" {
		t.Errorf("built in: %+v, %v", got.Limits, err)
	}
}

func TestLimitMistakes(t *testing.T) {
	for file, want := range map[string]string{
		ourYAML:  `recipes/pbuild.yaml:1:18: limits.memory: "1GB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`,
		userYAML: `~/.config/pbuild/config.yaml:1:18: limits.memory: "1GB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`,
	} {
		if _, err := Resolve(Flags{}, host("/w", map[string]string{file: "limits: {memory: 1GB}\n"})); err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}
