package realize_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// recorded counts the realizations of a target that the store has.
func (b *bench) recorded(name string) (n int) {
	b.t.Helper()
	all, err := b.store.Realizations()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, real := range all {
		if target(name) == (realize.Target{Name: real.Recipe, Format: recipe.Format(real.Format)}) {
			n++
		}
	}
	return n
}

// began counts the builds of this run that were begun, and forgets.
func (b *bench) began() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]int{}
	for _, e := range b.events {
		if e.State == event.Built || e.State == event.Failed {
			out[e.Node.Name+" "+e.Node.Format]++
		}
	}
	b.events = nil
	return out
}

// TestEarlyCutoff: a commit that changes nothing of what a recipe packages rebuilds
// that recipe alone, although its commit and its date are others; one that does
// rebuilds what needs it too.
func TestEarlyCutoff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Jobs = 2
	base, top := b.writeGit("cut-base", "/* a comment */\n"), b.writeGit("cut-top", "")
	top.content["debian/build.sh"] = "set -e\n" + pack + "mkdir -p debian/cut-top\ncp /list debian/cut-top/list\npack cut-top\n"
	top.content["cut-top.spec"] = madeRPM{scripts: "%prep\n%setup -q\n%install\nmkdir -p %{buildroot}/usr/share\ncp /usr/share/cut-base %{buildroot}/usr/share/cut-top\n"}.text("cut-top")
	top.commit()
	top.write("needs: [cut-base]\n", nil)

	names := []string{"cut-base", "cut-base rpm", "cut-top", "cut-top rpm"}
	run := func(cached, waiting int, want ...event.State) map[string]realize.Result {
		t.Helper()
		p, err := b.plan("cut-top", "cut-top rpm")
		if err != nil || len(p.Nodes) != 4 || p.Cached != cached || p.Waiting != waiting {
			t.Fatalf("plan %+v, %v", p, err)
		}
		results, err := b.Realize(t.Context(), p)
		if err != nil {
			t.Fatalf("%v\n%s", err, b.log())
		}
		out := map[string]realize.Result{}
		for i, name := range names {
			out[name] = b.of(results, name)
			if got := out[name].State; got != want[i/2] {
				t.Errorf("%s: %s, want %s", name, got, want[i/2])
			}
		}
		return out
	}
	counts := func(began string, bases, tops int) {
		t.Helper()
		if got := fmt.Sprint(b.began()); got != began {
			t.Errorf("built %s, want %s", got, began)
		}
		for i, name := range names {
			if got, want := b.recorded(name), []int{bases, tops}[i/2]; got != want {
				t.Errorf("%s: %d recorded, want %d", name, got, want)
			}
		}
	}
	all := "map[cut-base deb:1 cut-base rpm:1 cut-top deb:1 cut-top rpm:1]"
	before := run(0, 2, event.Built, event.Built)
	counts(all, 1, 1)
	run(4, 0, event.Cached, event.Cached)
	counts("map[]", 1, 1)

	first := base.content["data"]
	base.content["data"] = "/* another comment */\n"
	base.commit()
	base.write("", nil)
	after := run(0, 2, event.Built, event.Cached)
	counts("map[cut-base deb:1 cut-base rpm:1]", 2, 1)
	for i, name := range names {
		was, is := before[name], after[name]
		if i < 2 {
			if was.Key == is.Key || was.Realization.Output != is.Realization.Output || was.Derivation.Stamp.Epoch+10 != is.Derivation.Stamp.Epoch ||
				!strings.Contains(string(is.Text), base.locked.Commit) {
				t.Errorf("%s: key %s, was %s; output %s, was %s\n%s", name, is.Key, was.Key, is.Realization.Output, was.Realization.Output, is.Text)
			}
			continue
		}
		if was.Key != is.Key || was.PlanKey == is.PlanKey || was.Realization.Files[0].Digest != is.Realization.Files[0].Digest {
			t.Errorf("%s: key %s, was %s; plan key %s, was %s", name, is.Key, was.Key, is.PlanKey, was.PlanKey)
		}
	}

	base.content["more"] = "packaged by its name\n"
	base.commit()
	base.write("", nil)
	last := run(0, 2, event.Built, event.Built)
	counts(all, 3, 2)
	for name, path := range map[string]string{"cut-top": "list", "cut-top rpm": "usr/share/cut-top"} {
		if got := b.packaged(last[name], path); got != "cut-base.spec\ndata\ndebian\nmore\n" {
			t.Errorf("%s: holds %q", name, got)
		}
		if last[name].Key == before[name].Key {
			t.Errorf("%s: key %s", name, last[name].Key)
		}
	}

	// Back at the first commit all is there, whatever was built since.
	base.content["data"] = first
	delete(base.content, "more")
	base.commit()
	base.write("", func(l *recipe.Lock) {
		locked := l.Sources[recipe.Main]
		locked.Epoch, locked.Count = before["cut-base"].Derivation.Stamp.Epoch, 1
		locked.Commit = before["cut-base"].Derivation.Sources[recipe.Main].Commit
		locked.Ref = locked.Commit
		l.Sources[recipe.Main] = locked
	})
	run(4, 0, event.Cached, event.Cached)
	counts("map[]", 3, 2)
	if n := b.node("cut-top"); n.Key != before["cut-top"].Key || n.Key == (digest.Key{}) {
		t.Errorf("key %s", n.Key)
	}
}
