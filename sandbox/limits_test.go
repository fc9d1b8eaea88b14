package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const mib = int64(1) << 20

// neighbour is another sandbox that runs meanwhile: it must not notice.
func neighbour(t *testing.T) {
	t.Helper()
	s := probe(t, "sleep")
	// With a probe of its own: processes are counted by the file that they run.
	file := filepath.Join(s.Lower[0], "bin/probe")
	b, err := os.ReadFile(file)
	if err := errors.Join(err, os.Remove(file), os.WriteFile(file, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	s.Limits = Limits{Memory: 64 * mib, Processes: 60, Disk: 16 * mib, Output: 1 << 10, Time: time.Minute}
	begun, r := make(chan struct{}), make(chan error, 1)
	s.Stdout = writerFunc(func([]byte) { close(begun) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() { r <- Run(ctx, s) }()
	select {
	case <-begun:
	case err := <-r:
		t.Fatalf("the sandbox beside it: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-r; !errors.Is(err, context.Canceled) {
			t.Errorf("the sandbox beside it: %v", err)
		}
		noProcessesOf(t, s)
	})
}

// hits runs s, which must end at this limit and leave no process, and returns how
// long it took.
func hits(t *testing.T, s Spec, limit string, most int64, text string) time.Duration {
	t.Helper()
	var log bytes.Buffer
	if s.Stderr == nil {
		s.Stderr = &log
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	begun := time.Now()
	err := Run(ctx, s)
	took := time.Since(begun)
	if got, want := err, (&LimitError{Argv: s.Argv, Limit: limit, Max: most}); !reflect.DeepEqual(got, error(want)) {
		t.Errorf("%q: got %#v %v\n%s", s.Argv, err, err, &log)
	} else if want := text + strings.Join(s.Argv, " "); err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	noProcessesOf(t, s)
	return took
}

func TestMemoryLimit(t *testing.T) {
	neighbour(t)
	for _, args := range [][]string{
		{"memory", "4000"},
		{"split", "4000"},
		{"shared", "4000"},
		{"dropped", "4000"},
		{"memfd", "4000"},
		{"leader", "4000"},
		{"apart", "4000"},
		{"descriptors", "4000"},
		{"file", "4000", "/tmp/x"},
		{"unlinked", "4000", "/dev/shm/x"},
		{"file", "4000", "/run/x"},
	} {
		s := probe(t, append([]string{"hog"}, args...)...)
		s.Limits.Memory = 128 * mib
		took := hits(t, s, MemoryLimit, 128*mib, "memory: limit 128 MiB reached: ")
		t.Logf("%q: %v", args, took)
	}
}

// TestSharedMemoryLimit: of memory that no process holds the kernel gives no more than
// the limit, and of semaphores some MiB.
func TestSharedMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		what, n string
		limit   int64
		want    string
	}{
		{"sysv", "40", 0, "full\n"},
		{"sysv", "40", 32 * mib, "after 32: ENOSPC\n"},
		{"semaphores", "2", 0, "full\n"},
		{"semaphores", "2", 32 * mib, "after 1: ENOSPC\n"},
	} {
		s := probe(t, "hog", c.what, c.n)
		s.Limits.Memory = c.limit
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		s.Stdout = writerFunc(func(b []byte) {
			if out.Write(b); out.String() == "full\n" {
				cancel()
			}
		})
		if err := Run(ctx, s); out.String() != c.want || err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: got %q, %v", c, &out, err)
		}
		cancel()
	}
}

// TestBelowLimits: what is below the limits is left alone, also when several
// processes have the same memory, and when a file is large and empty.
func TestBelowLimits(t *testing.T) {
	for _, args := range [][]string{
		{"memory", "60"},
		{"file", "60", "/tmp/x"},
		{"hole", "4000", "/x"},
		{"file", "10", "/x"},
		{"file", "10", "/build/x"}, // where there is more already
		{"split", "40"},
		{"common", "60"},
		{"vfork", "100"},
	} {
		s := probe(t, append([]string{"hog"}, args...)...)
		work := tempDir(t)
		if err := os.WriteFile(work+"/before", make([]byte, 40*mib), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Binds = []Bind{{Host: work, Inside: "/build", Writable: true}}
		s.Limits = Limits{Memory: 160 * mib, Processes: 200, Disk: 32 * mib, Free: mib, Output: 5, Time: time.Hour}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		var out bytes.Buffer
		s.Stdout = writerFunc(func(b []byte) {
			if out.Write(b); out.String() == "full\n" {
				time.AfterFunc(400*time.Millisecond, cancel)
			}
		})
		err := Run(ctx, s)
		if args[0] == "hole" && err == nil {
			cancel()
			continue
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%q: %v", args, err)
		}
		cancel()
	}
}

func TestProcessesLimit(t *testing.T) {
	neighbour(t)
	s := probe(t, "bomb")
	s.Limits.Processes = 200
	took := hits(t, s, ProcessesLimit, 200, "processes: limit 200 reached: ")
	t.Logf("%v", took)
}

// TestProcessesOfTheKernel: the kernel counts the processes of a sandbox for itself: one
// that may have no more neither takes from another nor from the user.
func TestProcessesOfTheKernel(t *testing.T) {
	full, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	for range 2 {
		s := probe(t, "hog", "processes", "60")
		said := make(chan string, 10)
		s.Stdout = writerFunc(func(b []byte) { said <- string(b) })
		p, err := s.plan()
		if err != nil {
			t.Fatal(err)
		}
		p.processes = 60
		l := launch{plan: p, stdout: s.Stdout, namespaces: allNamespaces}
		running.Go(func() {
			_, _ = l.run(full)
			said <- "it ended"
		})
		// The program and init have several threads.
		if got := <-said; !regexp.MustCompile(`^after [3-5][0-9]: EAGAIN\n`).MatchString(got) {
			t.Errorf("got %q", got)
		}
	}
	if err := exec.Command("/bin/true").Run(); err != nil {
		t.Error(err)
	}
	cancel()
}

func TestDiskLimit(t *testing.T) {
	neighbour(t)
	for _, args := range [][]string{{"file", "4000", "/x"}, {"unlinked", "4000", "/x"}, {"file", "4000", "/build/x"}, {"unlinked", "4000", "/build/x"}} {
		s := probe(t, append([]string{"hog"}, args...)...)
		work := tempDir(t)
		if err := os.WriteFile(work+"/before", make([]byte, 40*mib), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Binds = []Bind{{Host: work, Inside: "/build", Writable: true}}
		s.Limits.Disk = 32 * mib
		took := hits(t, s, DiskLimit, 32*mib, "disk: limit 32 MiB reached: ")
		t.Logf("%q: %v", args, took)
	}
}

// TestFreeLimit fills a file system of 700 MiB, which the helper makes, with what a walk
// finds and with what none does. What the store needs is left.
func TestFreeLimit(t *testing.T) {
	const space, inodes = "free space: less than 256 MiB", "free inodes: less than 20000"
	for args, want := range map[string]string{"file 4000 /x": space, "unlinked 4000 /x": space, "files 1 /x": inodes} {
		s := probe(t)
		h := helperWithCapabilities("floor", unix.CAP_SYS_ADMIN)
		h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "ARGS="+args)
		out, err := h.Output()
		if want += " left on the disk: /bin/probe hog " + args + "\nenough: true\n"; err != nil || string(out) != want {
			t.Errorf("got %s %v", out, err)
		}
		noProcessesOf(t, s)
	}
}

func floorHelper() {
	scratch := os.Getenv("SCRATCH")
	if err := unix.Mount("tmpfs", scratch, "tmpfs", 0, "mode=0700,size=700m,nr_inodes=100000"); err != nil {
		fmt.Println(err)
		return
	}
	least, fewest, stop := int64(1)<<60, int64(1)<<60, make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if free, inodes, err := freeOf(scratch); err == nil {
				least, fewest = min(least, free), min(fewest, inodes)
			}
		}
	})
	s := Spec{
		Lower: []string{os.Getenv("LOWER")}, Scratch: scratch,
		Argv:   append([]string{"/bin/probe", "hog"}, strings.Fields(os.Getenv("ARGS"))...),
		Limits: Limits{Free: 256 * mib, Inodes: 20000},
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := Run(ctx, s)
	close(stop)
	looking.Wait()
	fmt.Println(err)
	if least > 64*mib && fewest > 0 {
		fmt.Println("enough: true")
	} else {
		fmt.Printf("enough: %d MiB, %d inodes\n", least/mib, fewest)
	}
}

func TestOutputLimit(t *testing.T) {
	neighbour(t)
	s := probe(t, "hog", "output")
	var out bytes.Buffer
	s.Stdout, s.Stderr, s.Limits.Output = &out, &out, 3*mib+5
	hits(t, s, OutputLimit, 3*mib+5, "output: limit 3.0 MiB reached: ")
	if int64(out.Len()) != 3*mib+5 {
		t.Errorf("%d bytes were kept", out.Len())
	}
	s.Argv, s.Limits.Output = []string{"/bin/probe", "print", "abc", "def"}, 6
	if out.Reset(); Run(t.Context(), s) != nil || out.String() != "abcdef" {
		t.Errorf("as much as is allowed: got %q", &out)
	}
}

func TestTimeLimit(t *testing.T) {
	neighbour(t)
	for _, command := range []string{"sleep", "orphans"} {
		s := probe(t, command, "3")
		s.Stdout = io.Discard
		s.Limits.Time = 700 * time.Millisecond
		if took := hits(t, s, TimeLimit, int64(s.Limits.Time), "time: limit 700ms reached: "); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

// TestWhoseLimit: what a group above or the host ran out of is not called the
// sandbox's own limit.
func TestWhoseLimit(t *testing.T) {
	memory, processes := Limits{Memory: 1}, Limits{Processes: 1}
	for _, c := range []struct {
		memory, pids string
		limits       Limits
		want         string
		err          error
	}{
		{"low 0\nmax 3\noom 0\noom_kill 0\n", "max 0\n", Limits{Memory: 1, Processes: 1}, "", nil},
		{"oom 1\noom_kill 1\n", "max 0\n", memory, MemoryLimit, nil},
		{"oom 0\noom_kill 1\n", "max 0\n", memory, "", errHostMemory},
		{"oom 1\noom_kill 1\n", "max 0\n", processes, "", errHostMemory},
		{"oom 0\noom_kill 0\n", "max 1\n", processes, ProcessesLimit, nil},
		{"oom 0\noom_kill 0\n", "max 1\n", memory, "", nil},
	} {
		g := group{t.TempDir()}
		err := errors.Join(os.WriteFile(g.dir+"/memory.events", []byte(c.memory), 0o600), os.WriteFile(g.dir+"/pids.events", []byte(c.pids), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := g.reached(c.limits); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}
