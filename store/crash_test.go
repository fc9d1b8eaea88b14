package store

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

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
	must(s.GC(t.Context(), Policy{}, false))
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
			_, err := s.GC(ctx, Policy{}, false)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// TestKilledInSession: the first to read or to write after a writer was killed
// with the database open finds it whole, and it is recovered, not rebuilt.
func TestKilledInSession(t *testing.T) {
	for _, first := range []string{"list", "record", "verify"} {
		t.Run(first, func(t *testing.T) {
			s := newStore(t)
			r := realize(t, s, "hello", "a")
			must(0, crashDB(s))
			// Another one was killed when it had almost ended its session.
			must(0, os.WriteFile(s.path(dbDir, sumTemp), []byte("half a l"), 0o600))
			before := must(s.dbID())
			switch first {
			case "list":
				if diff := cmp.Diff([]Realization{r}, must(s.Realizations())); diff != "" {
					t.Error(diff)
				}
			case "record":
				realize(t, s, "hello", "b")
			}
			wantClean(t, s)
			if diff := cmp.Diff(&r, must(s.Lookup(r.Key))); diff != "" {
				t.Error(diff)
			}
			if !os.SameFile(before, must(s.dbID())) {
				t.Error("the database was rebuilt")
			}
		})
	}
}

// crashDB leaves the database as a killed writer does.
func crashDB(s *Store) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=die\n"+s.Dir())
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the writer was to be killed: %w: %s", err, out)
	}
	if err := checkSum(s.path(dbDir)); err != errUncleanDB {
		return fmt.Errorf("the killed writer left: %w", err)
	}
	return nil
}

func dieInSession(args []string) error {
	s, err := Open(args[0])
	if err != nil {
		return err
	}
	return s.updateDB(func(w *batch) error {
		if err := w.put([]byte("x"), make([]byte, 1<<20)); err != nil {
			return err
		}
		if err := w.commit(); err != nil {
			return err
		}
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	})
}

// TestForkedMeanwhile: what another goroutine starts holds copies of this process's
// descriptors for a moment, and with them its locks; no session fails for that.
func TestForkedMeanwhile(t *testing.T) {
	s := newStore(t)
	r := realize(t, s, "hello", "a")
	before := must(s.dbID())
	over := make(chan struct{})
	var forks sync.WaitGroup
	for range 4 {
		forks.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					// A child that finds nothing to execute.
					if _, err := os.StartProcess(s.path("nothing"), nil, &os.ProcAttr{}); !errors.Is(err, os.ErrNotExist) {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 30 {
		if err := s.updateDB(func(*batch) error { return nil }); err != nil {
			t.Error(err)
		}
		if _, err := s.realizationInDB(r.Key); err != nil {
			t.Error(err)
		}
	}
	close(over)
	forks.Wait()
	if !os.SameFile(before, must(s.dbID())) {
		t.Error("the database was rebuilt")
	}
	wantClean(t, s)
}
