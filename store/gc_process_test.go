package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

func init() {
	roles["use"] = useInTurns
	roles["collect"] = collectInTurns
}

// TestGCBesideUsers: processes that put, record and look up, and others that collect
// with a quota of nothing, all at once for some seconds: no session misses what it has
// put or found, and what a root names stays.
func TestGCBesideUsers(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	pinned := realize(t, s, "pinned", "a")
	must(0, s.Close())
	const seconds = "6"
	type proc struct {
		wait func() error
		out  *bytes.Buffer
	}
	var procs []proc
	for _, args := range [][]string{{"use", "1"}, {"use", "2"}, {"use", "3"}, {"collect", "0"}, {"collect", "1"}} {
		cmd := roleCommand(t, args[0], s.Dir(), args[1], seconds)
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		must(0, cmd.Start())
		procs = append(procs, proc{cmd.Wait, out})
	}
	var built, found, removed int
	for _, p := range procs {
		if err := p.wait(); err != nil {
			t.Errorf("%v: %s", err, p.out)
		}
		var n [3]int
		fmt.Sscan(p.out.String(), &n[0], &n[1], &n[2])
		built, found, removed = built+n[0], found+n[1], removed+n[2]
	}
	t.Logf("%d built, %d found, %d removed", built, found, removed)
	if built == 0 || found == 0 || removed == 0 {
		t.Errorf("nothing happened: %d built, %d found, %d removed", built, found, removed)
	}
	must(s.Lookup(pinned.Key))
	if err := s.CheckBlob(pinned.Files[0].Digest); err != nil {
		t.Error(err)
	}
	must(s.GC(t.Context(), Policy{}, false))
	if report := wantClean(t, s); report.Realizations != 1 {
		t.Errorf("report %+v", report)
	}
}

func roleStore(args []string) (s *Store, n uint64, until time.Time, err error) {
	if s, err = Open(args[0]); err != nil {
		return
	}
	if n, err = strconv.ParseUint(args[1], 10, 64); err != nil {
		return
	}
	seconds, err := strconv.Atoi(args[2])
	return s, n, time.Now().Add(time.Duration(seconds) * time.Second), err
}

// useInTurns takes one of a few keys as a build does, from the store or made anew,
// a session each, and reads all that it is made of. No root names it.
func useInTurns(args []string) error {
	s, seed, until, err := roleStore(args)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	var built, found int
	for time.Now().Before(until) {
		salt := strconv.Itoa(rng.IntN(4))
		r, made, err := take(s, salt)
		if err != nil {
			return fmt.Errorf("%s: %w", salt, err)
		}
		if made {
			built++
		} else {
			found++
		}
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		for _, d := range r.kept() {
			if err := s.CheckBlob(d); err != nil {
				return fmt.Errorf("%s: lost within its session: %w", salt, err)
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	_, err = fmt.Println(built, found, 0)
	return err
}

func take(s *Store, salt string) (r *Realization, made bool, err error) {
	ctx, cancel := timeout(30 * time.Second)
	defer cancel()
	unlock, err := s.LockKey(ctx, planned("hello", salt))
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	if r, err = s.Lookup(planned("hello", salt)); !errors.Is(err, ErrNotFound) {
		return r, false, err
	}
	fresh, err := put(s, "hello", salt)
	if err != nil {
		return nil, false, err
	}
	// What a source is: kept for what is built from it.
	tree, err := s.PutBytes([]byte("packed " + salt))
	if err != nil {
		return nil, false, err
	}
	fresh.Inputs = []digest.Digest{tree}
	r, err = s.Record(fresh, "")
	return r, true, err
}

// collectInTurns collects with a quota of nothing, in every other process dry.
func collectInTurns(args []string) error {
	s, dry, until, err := roleStore(args)
	if err != nil {
		return err
	}
	removed := 0
	for time.Now().Before(until) {
		plan, err := s.GC(context.Background(), Policy{KeepWithin: 24 * time.Hour, Quota: 1}, dry == 1)
		if err != nil {
			return err
		}
		if dry == 0 {
			removed += len(plan.Items)
		}
		time.Sleep(5 * time.Millisecond)
	}
	_, err = io.WriteString(os.Stdout, fmt.Sprintln(0, 0, removed))
	return err
}
