package store

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestLockKey(t *testing.T) {
	s := newStore(t)
	other := openStore(t, s.Dir())
	k := digest.KeyOf([]byte("k"))
	unlock, err := s.LockKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	for _, same := range []*Store{s, other} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := same.LockKey(ctx, k); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("locked twice: %v", err)
		}
		cancel()
	}
	unlockOther, err := s.LockKey(t.Context(), digest.KeyOf([]byte("other")))
	if err != nil {
		t.Fatal(err)
	}
	unlockOther()
	unlockName, err := s.LockName(t.Context(), "builder-x")
	if err != nil {
		t.Fatal(err)
	}
	unlockName()

	got := make(chan time.Time)
	go func() {
		unlock, err := other.LockKey(context.Background(), k)
		got <- time.Now()
		if err == nil {
			unlock()
		}
	}()
	time.Sleep(100 * time.Millisecond) // the waiter has slowed down by now
	unlocked := time.Now()
	unlock()
	if late := (<-got).Sub(unlocked); late < 0 || late > 2*time.Second {
		t.Errorf("the waiter had the lock after %s", late)
	}
	unlock() // again, and it must not take the next holder's lock
	if _, err := s.LockName(t.Context(), "../x"); err == nil || !strings.Contains(err.Error(), `name "../x"`) {
		t.Errorf("a name that is a path: %v", err)
	}
}

// TestLockDies: the lock of a process that is killed is free at once.
func TestLockDies(t *testing.T) {
	s := newStore(t)
	k := digest.KeyOf([]byte("k"))
	cmd := roleCommand(t, "hold", s.Dir(), k.String())
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	must(out.Read(make([]byte, 1)))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.LockKey(ctx, k); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("held by a process, and taken: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	unlock, err := s.LockKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestGCRemovesFreeLocks, and a waiter whose lock file goes away still excludes.
func TestGCRemovesFreeLocks(t *testing.T) {
	s := newStore(t)
	held, free := digest.KeyOf([]byte("held")), digest.KeyOf([]byte("free"))
	unlockFree, err := s.LockKey(t.Context(), free)
	if err != nil {
		t.Fatal(err)
	}
	unlockFree()
	unlock, err := s.LockKey(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	garbage := must(openStore(t, s.Dir()).PutBytes([]byte("garbage")))
	must(0, os.Remove(s.BlobPath(garbage)))
	if err := s.sweepLocks(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.path(locksDir, free.Hex())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the free lock is still there: %v", err)
	}
	if _, err := os.Lstat(s.path(locksDir, held.Hex())); err != nil {
		t.Errorf("the held lock is gone: %v", err)
	}
	unlock()
}

// TestLockSwept: a lock whose file is removed under those who wait for it
// excludes all the same.
func TestLockSwept(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	k := digest.KeyOf([]byte("k"))
	const takers, turns = 8, 150
	var inside, worst atomic.Int32
	done := make(chan error)
	for range takers {
		go func() {
			for range turns {
				unlock, err := s.LockKey(context.Background(), k)
				if err != nil {
					done <- err
					return
				}
				worst.Store(max(worst.Load(), inside.Add(1)))
				time.Sleep(200 * time.Microsecond)
				inside.Add(-1)
				unlock()
			}
			done <- nil
		}()
	}
	for left := takers; left > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			left--
		default:
			must(0, removeFree(s.path(locksDir, k.Hex())))
		}
	}
	if worst.Load() != 1 {
		t.Errorf("%d had the lock at once", worst.Load())
	}
}

// TestWriterIsNotStarved: readers who overlap, so that there is always one,
// let a writer through.
func TestWriterIsNotStarved(t *testing.T) {
	s := newStore(t)
	var stop atomic.Bool
	done := make(chan error)
	const readers = 4
	for i := range readers {
		go func() {
			time.Sleep(time.Duration(i) * 2 * time.Millisecond)
			for !stop.Load() {
				gate, err := s.enterDB(unix.LOCK_SH)
				if err != nil {
					done <- err
					return
				}
				time.Sleep(8 * time.Millisecond)
				gate.release()
			}
			done <- nil
		}()
	}
	time.Sleep(20 * time.Millisecond)
	got := make(chan error)
	go func() {
		gate, err := s.enterDB(unix.LOCK_EX)
		if err == nil {
			gate.release()
		}
		got <- err
	}()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
		stop.Store(true)
	case <-time.After(3 * time.Second):
		t.Error("the writer has waited for 3 s")
		stop.Store(true)
		<-got
	}
	for range readers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestFlockHolders(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  WRITE 11 fe:00:100 0 EOF
2: FLOCK  ADVISORY  READ 12 fe:00:100 0 EOF
2: -> FLOCK  ADVISORY  WRITE 13 fe:00:100 0 EOF
3: FLOCK  ADVISORY  WRITE 14 fe:01:100 0 EOF
4: FLOCK  ADVISORY  WRITE 15 fe:00:101 0 EOF
5: FLOCK  ADVISORY  READ -1 fe:00:100 0 EOF
6: FLOCK  ADVISORY  READ 16 fe:00:100 0 EOF
7: FLOCK
`
	if diff := cmp.Diff([]int{12, 16}, flockHolders(strings.NewReader(locks), 0xfe, 0, 100)); diff != "" {
		t.Error(diff)
	}
}
