package realize

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// tangle returns nodes each of which needs some of those before it.
func tangle(r *rand.Rand, n int) []*Node {
	nodes := make([]*Node, n)
	for i := range nodes {
		nodes[i] = &Node{}
		for range r.IntN(4) {
			if i > 0 && r.IntN(3) > 0 {
				if other := nodes[r.IntN(i)]; !slices.Contains(nodes[i].needs, other) {
					nodes[i].needs = append(nodes[i].needs, other)
				}
			}
		}
	}
	return nodes
}

// TestInOrder: each node is done once, behind all that it needs, and no more are at
// work than may be.
func TestInOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		nodes := tangle(r, 1+r.IntN(200))
		some := 1 + r.IntN(8)
		var running, most atomic.Int64
		var mu sync.Mutex // guards done
		done := map[*Node]bool{}
		inOrder(nodes, some, func(n *Node) {
			if now := running.Add(1); now > most.Load() {
				most.Store(now)
			}
			mu.Lock()
			for _, other := range n.needs {
				if !done[other] {
					t.Errorf("seed %d: begun before what it needs", seed)
				}
			}
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			if done[n] {
				t.Errorf("seed %d: done twice", seed)
			}
			done[n] = true
			mu.Unlock()
			running.Add(-1)
		})
		if len(done) != len(nodes) || most.Load() > int64(some) || running.Load() != 0 {
			t.Errorf("seed %d: %d of %d done, %d at once, %d allowed", seed, len(done), len(nodes), most.Load(), some)
		}
	}
	inOrder(nil, 3, func(*Node) { t.Error("of nothing something is done") })
}

// TestInOrderAtOnce: as many are at work as may be, and the first that can begin does.
func TestInOrderAtOnce(t *testing.T) {
	t.Parallel()
	nodes := tangle(rand.New(rand.NewPCG(7, 7)), 100)
	var order []*Node
	inOrder(nodes, 1, func(n *Node) { order = append(order, n) })
	if !slices.Equal(order, nodes) { // each comes behind those that it needs already
		t.Error("one at a time: not in the order given")
	}

	// base, then four that need it, then one that needs them all, and a loner last.
	base, top, loner := &Node{}, &Node{}, &Node{}
	wide := []*Node{{}, {}, {}, {}}
	for _, n := range wide {
		n.needs = []*Node{base}
	}
	top.needs = wide
	var began sync.WaitGroup
	began.Add(4)
	order = nil
	var mu sync.Mutex // guards order
	inOrder(slices.Concat([]*Node{base}, wide, []*Node{top, loner}), 4, func(n *Node) {
		mu.Lock()
		order = append(order, n)
		mu.Unlock()
		if slices.Contains(wide[:3], n) || n == loner {
			began.Done()
			began.Wait() // ends only when four are at work: loner, and three of the four
		}
	})
	if len(order) != 7 || order[6] != top || order[0] != base && order[0] != loner || slices.Index(order, wide[3]) < 4 {
		t.Errorf("%d done, in another order", len(order))
	}
}
