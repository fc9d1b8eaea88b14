package store

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func init() { roles["writer"] = recordEndlessly }

// TestListDoesNotWait: while another process has the database, a list comes from the
// journal; while others read it, what it lacks is left for later.
func TestListDoesNotWait(t *testing.T) {
	s := newStore(t)
	want := []Realization{realize(t, s, "hello", "a"), must(put(s, "hello", "b"))}
	must(0, s.writeFile(journalPath(want[1].Key), must(want[1].encode()), 0o444)) // killed before the database
	slices.SortFunc(want, func(a, b Realization) int { return strings.Compare(a.Key.Hex(), b.Key.Hex()) })
	for _, how := range []int{unix.LOCK_EX, unix.LOCK_SH} {
		gate := must(s.enterDB(how))
		got := make(chan []Realization)
		go func() { got <- must(s.Realizations()) }()
		select {
		case all := <-got:
			if diff := cmp.Diff(want, all); diff != "" {
				t.Error(diff)
			}
			gate.release()
		case <-time.After(10 * time.Second):
			t.Errorf("it waits for the database, locked with %d", how)
			gate.release()
			<-got
		}
	}
	must(s.Realizations())
	if _, err := s.realizationInDB(planned("hello", "b")); err != nil {
		t.Errorf("it is not in the database: %v", err)
	}
	wantClean(t, s)
}

// recordEndlessly puts and records until its parent is gone or kills it.
func recordEndlessly(args []string) error {
	s, err := Open(args[0])
	if err != nil {
		return err
	}
	for i := 0; os.Getppid() != 1; i++ {
		r, err := put(s, "w"+args[1], strconv.Itoa(i))
		if err != nil {
			return err
		}
		if _, err := s.Record(r, r.Recipe+"-deb"); err != nil {
			return err
		}
	}
	return nil
}

// startWriters starts processes that write all the time until the test ends.
func startWriters(t testing.TB, s *Store, writers int) {
	t.Helper()
	var started []*exec.Cmd
	for i := range writers {
		c := roleCommand(t, "writer", s.Dir(), strconv.Itoa(i))
		c.Stderr = os.Stderr
		must(0, c.Start())
		started = append(started, c)
	}
	t.Cleanup(func() {
		for _, c := range started {
			c.Process.Kill()
		}
		for _, c := range started {
			c.Wait()
		}
	})
	for begun := time.Now(); len(must(readNames(s.path(journalDir)))) <= writers; { // all are at work
		if time.Since(begun) > time.Minute {
			t.Fatalf("%d writers have written %d entries", writers, len(must(readNames(s.path(journalDir)))))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// readsBeside reads for a while beside processes that write all the time, and
// returns how long each lookup of a key took, and each list of all.
func readsBeside(t testing.TB, writers int, while time.Duration) (lookups, lists []time.Duration) {
	t.Helper()
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	startWriters(t, s, writers)
	for begun := time.Now(); time.Since(begun) < while; {
		for range 20 {
			at := time.Now()
			must(s.Lookup(r.Key))
			lookups = append(lookups, time.Since(at))
		}
		at := time.Now()
		if len(must(s.Realizations())) <= writers {
			t.Error("it listed less than there is")
		}
		lists = append(lists, time.Since(at))
	}
	return lookups, lists
}

// within is the time within which so many of 100 were done.
func within(percent int, times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)*percent/100]
}

// TestReadsBesideWriters: who reads waits neither for one writer nor for fifty. The
// bound is for machines that do something else too, where some of the reads take longer
// whoever writes; BenchmarkReadsBesideWriters has the figures.
func TestReadsBesideWriters(t *testing.T) {
	for _, writers := range []int{1, 50} {
		lookups, lists := readsBeside(t, writers, time.Second)
		t.Logf("%d writers: 99 of 100 lookups within %s, lists within %s", writers, within(99, lookups), within(99, lists))
		if half, most := max(within(50, lookups), within(50, lists)), time.Second; half > most {
			t.Errorf("%d writers: half of the reads took more than %s: want %s", writers, half, most)
		}
	}
}

// TestGCBesideWriters: gc gets its turn while others write all the time.
func TestGCBesideWriters(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	must(0, s.Close())
	startWriters(t, s, 8)
	s.gcWait = 20 * time.Second
	for range 3 {
		begun := time.Now()
		if _, err := s.GC(t.Context(), Policy{}, false); err != nil {
			t.Fatal(err)
		}
		t.Logf("gc took %s", time.Since(begun))
	}
	must(s.Lookup(r.Key))
}

func BenchmarkReadsBesideWriters(b *testing.B) {
	for _, writers := range []int{1, 50} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			lookups, lists := readsBeside(b, writers, 5*time.Second)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(within(99, lookups).Microseconds())/1000, "ms/lookup-p99")
			b.ReportMetric(float64(within(99, lists).Microseconds())/1000, "ms/list-p99")
		})
	}
}
