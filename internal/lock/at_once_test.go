package lock_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestLockAtOnce: locks that are made at once, of the same commits, are those that are
// made one after another.
func TestLockAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main := newRepository(t)
	main.Commit("main", "first", packaging("packed"))
	pinned := main.Commit("main", "second", packaging("packed"))
	yaml := replaced(packed, "MAIN", main.URL, "REF-ONE", pinned, "ONE", main.URL, "REF-TWO", pinned, "TWO", main.URL)
	const n = 4
	for i := range n {
		name := fmt.Sprintf("packed%d", i)
		b.put(name, map[string]string{"recipe.yaml": strings.Replace(yaml, "name: packed", "name: "+name, 1)})
	}
	var all sync.WaitGroup
	texts, errs := [n]string{}, [n]error{}
	for i := range n {
		all.Go(func() {
			res, err := b.Lock(t.Context(), fmt.Sprintf("packed%d", i), false)
			if errs[i] = err; err == nil {
				texts[i] = string(res.Lock.Text())
			}
		})
	}
	all.Wait()
	want := string(b.lock("packed0", false).Lock.Text())
	for i := range n {
		if errs[i] != nil || texts[i] != want {
			t.Errorf("packed%d: %v\n%s\nwant\n%s", i, errs[i], texts[i], want)
		}
	}
}
