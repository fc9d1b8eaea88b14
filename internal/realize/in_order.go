package realize

import "slices"

// inOrder calls do for each node, some at once, none before those that it needs. Of
// those that could begin the first begins.
func inOrder(nodes []*Node, some int, do func(*Node)) {
	at, lacks := make(map[*Node]int, len(nodes)), make([]int, len(nodes))
	needed := make([][]int, len(nodes)) // by whom
	var ready []int
	for i, n := range nodes {
		at[n] = i
		if lacks[i] = len(n.needs); lacks[i] == 0 {
			ready = append(ready, i)
		}
		for _, other := range n.needs {
			needed[at[other]] = append(needed[at[other]], i)
		}
	}
	done := make(chan int)
	for running := 0; running+len(ready) > 0; running-- {
		for ; running < some && len(ready) > 0; running++ {
			i := ready[0]
			ready = ready[1:]
			go func() {
				do(nodes[i])
				done <- i
			}()
		}
		for _, i := range needed[<-done] {
			if lacks[i]--; lacks[i] == 0 {
				where, _ := slices.BinarySearch(ready, i)
				ready = slices.Insert(ready, where, i)
			}
		}
	}
}
