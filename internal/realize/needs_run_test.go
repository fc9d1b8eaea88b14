package realize_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
)

// TestNeedsRun: a dozen rpms in one run, each made of what it needs; a change is made
// anew as far as it reaches.
func TestNeedsRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Jobs = 3
	graph := map[string]string{
		"base": "", "left": "base", "right": "base", "wide": "base",
		"m-one": "left, right", "m-two": "right, wide", "m-three": "wide", "m-four": "left",
		"t-one": "m-one, m-two", "t-two": "m-three, m-four", "t-all": "t-one, t-two, m-one, base", "loner": "",
	}
	holds := map[string]string{}
	var hold func(name string) string
	write := func(name, text string) {
		script := "%install\nmkdir -p %{buildroot}/usr/share\n{ "
		for other := range strings.SplitSeq(graph[name], ", ") {
			if other != "" {
				script += "cat /usr/share/run-" + other + "; "
			}
		}
		m := needing(strings.ReplaceAll("run-"+graph[name], ", ", ", run-"))
		if graph[name] == "" {
			m = needing("")
		}
		m.scripts = script + "echo " + text + "; } >%{buildroot}/usr/share/run-" + name + "\n"
		b.writeRPM("run-"+name, m)
		holds[name] = text + "\n"
	}
	hold = func(name string) (s string) {
		for other := range strings.SplitSeq(graph[name], ", ") {
			if other != "" {
				s += hold(other)
			}
		}
		return s + holds[name]
	}
	var targets []string
	for name := range graph {
		write(name, name)
		targets = append(targets, "run-"+name+" rpm")
	}
	slices.Sort(targets)
	run := func(rebuilt ...string) {
		t.Helper()
		results, err := b.try(targets...)
		if err != nil || len(results) != len(graph) {
			t.Fatalf("%d results, %v\n%s", len(results), err, b.log())
		}
		for name := range graph {
			want := event.Cached
			if rebuilt == nil || slices.Contains(rebuilt, name) {
				want = event.Built
			}
			if r := b.of(results, "run-"+name+" rpm"); r.State != want {
				t.Errorf("%s: %s, want %s", name, r.State, want)
			}
		}
		if got := b.packaged(b.of(results, "run-t-all rpm"), "usr/share/run-t-all"); got != hold("t-all") {
			t.Errorf("holds\n%swant\n%s", got, hold("t-all"))
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		done := map[string]bool{}
		for _, e := range b.events {
			name := strings.TrimPrefix(e.Node.Name, "run-")
			for other := range strings.SplitSeq(graph[name], ", ") {
				if e.State == event.Building && other != "" && !done[other] {
					t.Errorf("%s is built before %s", name, other)
				}
			}
			done[name] = done[name] || e.State.Final()
		}
		b.events = nil
	}
	run()
	run("none")
	write("wide", "wider")
	run("wide", "m-two", "m-three", "t-one", "t-two", "t-all")
	// The same text out of another spec: what needs it stays.
	b.files["run-base/run-base.spec"].Data = fmt.Appendf(nil, "# a comment\n%s", b.files["run-base/run-base.spec"].Data)
	b.reload()
	run("base")
}
