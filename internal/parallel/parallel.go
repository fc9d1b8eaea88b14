// Package parallel calls a function for each of many things on all processors:
// for work on very many small files, where a processor waits for each. It starts
// nothing that outlives a call, and is no queue: what takes seconds has a limit of
// its own.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do for each number from 0 below n, several at once in any order, and
// returns when all calls have.
func Each(n int, do func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			do(int(i))
		}
	}
	var others sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
