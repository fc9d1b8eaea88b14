package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestManyProcesses: 20 processes want the same 6 keys, each in its own order;
// each key is built once, and all see the same result.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const processes, keys = 20, 6
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
			if _, err := s.GC(t.Context(), false); err != nil {
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
	must(s.GC(t.Context(), false))
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

// TestKilled kills a process that writes, at a random moment, again and again.
// Afterwards the first process to look at the store finds it whole: what was
// acknowledged is there, and nothing else is damaged.
func TestKilled(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	acknowledged := map[string]bool{}
	for i := range 30 {
		for _, line := range killLater(t, rng, roleCommand(t, "endless", s.Dir(), strconv.Itoa(i))) {
			acknowledged[line] = true
		}
		// A fresh process has the first look.
		for line := range acknowledged {
			if out, err := roleCommand(t, "lookup", s.Dir(), line).CombinedOutput(); err != nil {
				t.Fatalf("after kill %d: %s: %v: %s", i, line, err, out)
			}
			break
		}
		report := must(s.Verify(t.Context()))
		for _, p := range report.Problems {
			t.Fatalf("after kill %d: %s: %s", i, p.Path, p.What)
		}
		if names := must(readNames(s.path(quarantineDir))); len(names) > 0 {
			t.Fatalf("after kill %d: quarantine holds %q", i, names)
		}
	}
	found := map[string]bool{}
	for _, r := range must(s.Realizations()) {
		if _, err := s.Lookup(r.Key); err != nil {
			t.Errorf("%s: %v", r.Key, err)
		}
		found[r.Key.String()] = true
	}
	for key := range acknowledged {
		if !found[key] {
			t.Errorf("acknowledged and lost: %s", key)
		}
	}
	must(s.GC(t.Context(), false))
	wantClean(t, s)
	if names := must(readNames(s.path(locksDir))); len(names) != 5 {
		t.Errorf("locks holds %q", names)
	}
}

// killLater kills a process a random time after a random line of its output,
// and returns the lines.
func killLater(t *testing.T, rng *rand.Rand, cmd *exec.Cmd) []string {
	t.Helper()
	cmd.Stderr = os.Stderr
	out := bufio.NewReader(must(cmd.StdoutPipe()))
	must(0, cmd.Start())
	var lines []string
	read := func(n int) {
		for len(lines) < n {
			line, err := out.ReadString('\n')
			if err != nil {
				return // what is not a whole line was not said
			}
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	wanted := rng.IntN(5)
	read(wanted)
	if len(lines) < wanted {
		t.Errorf("it ended by itself after %d lines", len(lines))
	}
	time.Sleep(time.Duration(rng.IntN(80)) * time.Millisecond)
	must(0, cmd.Process.Kill())
	read(math.MaxInt)
	cmd.Wait()
	return lines
}

// endless puts and records, images and gc in between, until it is killed. Each
// acknowledged key is a line.
func endless(args []string) error {
	s, err := Open(args[0])
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		salt := args[1] + "-" + strconv.Itoa(i)
		r, err := put(s, "r"+salt, salt)
		if err != nil {
			return err
		}
		if _, err := s.Record(r, r.Recipe+"-deb"); err != nil {
			return err
		}
		fmt.Println(r.Key)
		if i%3 == 2 {
			if err := s.RemoveRoot("none"); !errors.Is(err, ErrNotFound) {
				return err
			}
			ctx, cancel := timeout(10 * time.Second)
			_, err := s.GC(ctx, false)
			cancel()
			if err != nil {
				return err
			}
		}
	}
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
