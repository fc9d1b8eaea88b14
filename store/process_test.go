package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestManyProcesses: 50 processes want the same 100 keys, each in its own order;
// each key is built once, and all see the same result.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const processes, keys = 50, 100
	type proc struct {
		wait func() error
		out  *bytes.Buffer
	}
	var procs []proc
	for i := range processes {
		cmd := roleCommand(t, "many", s.Dir(), strconv.Itoa(i), strconv.Itoa(keys))
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		must(0, cmd.Start())
		procs = append(procs, proc{cmd.Wait, out})
	}
	// GC runs all the time in between: nothing live is lost.
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if _, err := s.GC(t.Context(), Policy{}, false); err != nil {
				stopped <- err
				return
			}
		}
	}()
	built := 0
	for i, p := range procs {
		if err := p.wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		built += bytes.Count(p.out.Bytes(), []byte("built\n"))
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if built != keys {
		t.Errorf("%d builds, want %d", built, keys)
	}
	must(s.GC(t.Context(), Policy{}, false))
	if report := wantClean(t, s); report.Realizations != keys {
		t.Errorf("report %+v", report)
	}
}

// many takes each of n keys: from the store, or builds it under its lock.
func many(args []string) error {
	s, err := Open(args[0])
	if err != nil {
		return err
	}
	seed, _ := strconv.ParseUint(args[1], 10, 64)
	n, _ := strconv.Atoi(args[2])
	for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(n) {
		if err := obtain(s, "p"+strconv.Itoa(i)); err != nil {
			return fmt.Errorf("p%d: %w", i, err)
		}
	}
	return s.Close()
}

func obtain(s *Store, recipe string) error {
	want := planned(recipe, "a")
	if _, err := s.Lookup(want); err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	ctx, cancel := timeout(30 * time.Second)
	defer cancel()
	unlock, err := s.LockKey(ctx, want)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.Lookup(want); err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	r, err := put(s, recipe, "a")
	if err != nil {
		return err
	}
	if _, err := s.Record(r, recipe+"-deb"); err != nil {
		return err
	}
	fmt.Println("built")
	_, err = s.Lookup(want)
	return err
}

// TestSameStoreTwice: two Stores of one process are two processes to each other.
func TestSameStoreTwice(t *testing.T) {
	a := newStore(t)
	b := openStore(t, a.Dir())
	r := realize(t, a, "hello", "a")
	if diff := cmp.Diff(&r, must(b.Lookup(r.Key))); diff != "" {
		t.Error(diff)
	}
	kept := must(b.Record(r, "hello-deb"))
	if diff := cmp.Diff(&r, kept); diff != "" {
		t.Error(diff)
	}
	wantClean(t, b)
}
