package parallel

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			called := make([]atomic.Int32, n)
			Each(n, func(i int) { called[i].Add(1) })
			for i := range called {
				if c := called[i].Load(); c != 1 {
					t.Errorf("%d: called %d times", i, c)
				}
			}
		})
	}
}

// TestAtOnce: each call waits for the others.
func TestAtOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var there atomic.Int32
	all := make(chan struct{})
	Each(3, func(int) {
		if there.Add(1) == 3 {
			close(all)
		}
		<-all
	})
}
