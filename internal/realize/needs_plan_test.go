package realize

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// planned is a Realizer of n little recipes r000, r001, …, each of which needs those
// that needs says by their numbers. Their builder is one that nobody has.
func planned(t *testing.T, n int, needs func(i int) []int) (*Realizer, []Target) {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range testenv.SmallBuilder {
		files["builders/small."+name] = &fstest.MapFile{Data: []byte(text)}
	}
	var targets []Target
	for i := range n {
		name := fmt.Sprintf("r%03d", i)
		yaml := fmt.Sprintf("format: 1\nname: %s\nsummary: Made up\nlicense: Apache-2.0\nsources: {main: {path: src}}\n"+
			"rpm:\n  builder: small\n  spec: x.spec\n  outputs: [%[1]s]\n", name)
		for k, other := range needs(i) {
			if k == 0 {
				yaml += "  needs:\n"
			}
			yaml += fmt.Sprintf("    - r%03d\n", other)
		}
		files[name+"/recipe.yaml"] = &fstest.MapFile{Data: []byte(yaml)}
		files[name+"/src/README"] = &fstest.MapFile{Data: []byte(name)}
		files[name+"/x.spec"] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name: %s\n%%changelog\n* Fri May 15 2026 A <a@example.org>\n- x\n", name)}
		targets = append(targets, Target{Name: name, Format: recipe.FormatRPM})
	}
	c, err := recipe.LoadCollection(files)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Realizer{Store: s, Images: &builder.Maker{Store: s, Recipes: c, Arch: testenv.Arch}, Recipes: c, Arch: testenv.Arch}, targets
}

// record puts a realization of a node into the store: without packages, with an output
// of its own.
func (r *Realizer) record(t *testing.T, n *Node) *store.Realization {
	t.Helper()
	manifest, err := (&site{Realizer: r, node: n}).putArtifact(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Store.PutBytes(n.Text); err != nil {
		t.Fatal(err)
	}
	real, err := r.Store.Record(store.Realization{
		Key: n.Key, Recipe: n.Recipe.Name, Format: string(n.Format), Arch: string(r.Arch), Manifest: manifest,
		Output: digest.Of([]byte("output of " + n.Recipe.Name)), Finished: time.Unix(1e9, 0),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// chain and fan say what recipe i of n needs: the one before; or of the first, those in
// the middle, which the last needs.
var chain, fan = func(i, _ int) []int { return upTo(i)[max(0, i-1):] }, func(i, n int) []int {
	if i == n-1 {
		return upTo(i)
	}
	return upTo(min(i, 1))
}

func upTo(end int) (all []int) {
	for i := range end {
		all = append(all, i)
	}
	return all
}

// inPlan wants a plan of n recipes, each behind those that it needs.
func inPlan(t *testing.T, r *Realizer, targets []Target, n, cached, waiting int) []*Node {
	t.Helper()
	begun := time.Now()
	p, err := r.Plan(t.Context(), targets)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	if len(p.Nodes) != n || p.Cached != cached || p.Waiting != waiting {
		t.Fatalf("%d nodes, %d cached, %d waiting", len(p.Nodes), p.Cached, p.Waiting)
	}
	seen, plans := map[*Node]bool{}, map[digest.Key]bool{}
	for _, node := range p.Nodes {
		for _, other := range node.needs {
			if !seen[other] {
				t.Fatalf("%s stands before %s, which it needs", node.Recipe.Name, other.Recipe.Name)
			}
		}
		seen[node], plans[node.PlanKey] = true, true
	}
	if len(plans) != n {
		t.Errorf("%d plan keys", len(plans))
	}
	return p.Nodes
}

// TestPlanManyNeeds: 500 recipes that need each other are closed and put into order in
// no time, whoever is asked for.
func TestPlanManyNeeds(t *testing.T) {
	t.Parallel()
	const n = 500
	for name, needs := range map[string]func(i, n int) []int{"chain": chain, "fan": fan} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, targets := planned(t, n, func(i int) []int { return needs(i, n) })
			last := inPlan(t, r, targets[n-1:], n, 0, n-1)
			slices.Reverse(targets)
			for i, node := range inPlan(t, r, targets, n, 0, n-1) {
				was := last[i]
				if node.PlanKey != was.PlanKey || node.Key != was.Key || node.Key.IsZero() != (i > 0) || node.Needed || was.Needed != (i < n-1) {
					t.Errorf("%s: plan key %s, key %s; needed: %v, %v", node.Recipe.Name, node.PlanKey, node.Key, node.Needed, was.Needed)
				}
			}
		})
	}
}

// TestSettle: keys are known as far as what is needed is built.
func TestSettle(t *testing.T) {
	t.Parallel()
	const n = 24
	for name, needs := range map[string]func(i, n int) []int{"chain": chain, "fan": fan} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, targets := planned(t, n, func(i int) []int { return needs(i, n) })
			keys := map[digest.Key]bool{}
			for built := range n {
				waiting := map[string]int{"chain": n - built - 1, "fan": 1}[name]
				if built == 0 {
					waiting = n - 1
				} else if built == n-1 {
					waiting = 0
				}
				node := inPlan(t, r, targets[n-1:], n, built, waiting)[built]
				if node.Key.IsZero() || node.found != nil || keys[node.Key] || len(node.made) != len(node.needs) {
					t.Fatalf("%d built: %s: key %s, %d made", built, node.Recipe.Name, node.Key, len(node.made))
				}
				for i, other := range node.needs {
					if node.Derivation.Needs[other.Recipe.Name].Output != node.made[i].Output {
						t.Errorf("%s: %s is another output", node.Recipe.Name, other.Recipe.Name)
					}
				}
				keys[node.Key] = true
				r.record(t, node)
			}
			for _, node := range inPlan(t, r, targets[n-1:], n, n, 0) {
				if !keys[node.Key] || node.found == nil {
					t.Errorf("%s: key %s", node.Recipe.Name, node.Key)
				}
			}
		})
	}
}
