package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

func sprintQ(l []string) string { return fmt.Sprintf("%q", l) }

func openDescriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// processesOf counts the processes that run the probe from this layer, or are
// an init whose tests these are.
func processesOf(t testing.TB, s Spec) int {
	t.Helper()
	var want unix.Stat_t
	if err := unix.Stat(filepath.Join(s.Lower[0], "bin/probe"), &want); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		var st unix.Stat_t
		if err := unix.Stat("/proc/"+e.Name()+"/exe", &st); err == nil && st.Ino == want.Ino {
			n++
		}
	}
	return n
}

func noProcessesOf(t testing.TB, s Spec) {
	t.Helper()
	if n := processesOf(t, s); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// TestLingeringProcess: a process that the program leaves behind, in a session
// of its own and with all streams open, neither holds Run back nor survives.
func TestLingeringProcess(t *testing.T) {
	s := probe(t, "linger")
	var out, log bytes.Buffer
	s.Stdout, s.Stderr = &out, &log
	start := time.Now()
	if err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	noProcessesOf(t, s)
}

// TestStreamHandedOut: a program gives its output to a process outside, over a
// socket that is bound in, and ends. The other end stays open, yet Run returns
// with all that was written.
func TestStreamHandedOut(t *testing.T) {
	dir := tempDir(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	kept := make(chan int, 1)
	go func() {
		defer close(kept)
		c, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer c.Close()
		oob := make([]byte, unix.CmsgSpace(4))
		_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1), oob)
		if err != nil {
			return
		}
		m, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil {
			return
		}
		if fds, err := unix.ParseUnixRights(&m[0]); err == nil {
			kept <- fds[0]
		}
	}()
	s := probe(t, "handout", "/host/s")
	s.Binds = []Bind{{Host: dir, Inside: "/host", Writable: true}}
	var out bytes.Buffer
	s.Stdout = &out
	start := time.Now()
	if err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	fd, ok := <-kept
	if !ok {
		t.Fatal("nothing was handed out")
	}
	defer unix.Close(fd)
	if out.String() != "handed out\n" {
		t.Errorf("got %q", &out)
	}
	if _, err := unix.Write(fd, []byte("late")); err != unix.EPIPE {
		t.Errorf("write after the end: got %v, want EPIPE", err)
	}
}

// TestRollingForks: processes that fork and exit again and again, so that no
// list of them is ever right, end with the sandbox.
func TestRollingForks(t *testing.T) {
	s := probe(t, "roll")
	for range 5 {
		if err := Run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		noProcessesOf(t, s)
	}
}

// TestOrphansAreReaped: processes whose parents ended are taken in by init.
func TestOrphansAreReaped(t *testing.T) {
	if got := output(t, probe(t, "reaped", "50")); got != "zombies: 0\n" {
		t.Errorf("got %q", got)
	}
}

// TestSignalsToInit: no signal from inside ends init.
func TestSignalsToInit(t *testing.T) {
	if got := output(t, probe(t, "killall")); got != "sent\n" {
		t.Errorf("got %q", got)
	}
}

func parentHelper() {
	s := Spec{
		Lower:   []string{os.Getenv("LOWER")},
		Scratch: os.Getenv("SCRATCH"),
		Argv:    []string{"/bin/probe", "orphans", "3"},
		Stdout:  os.Stdout,
		Limits:  Limits{Memory: 1 << 30, Processes: 1000, Disk: 1 << 30, Free: 1, Output: 1 << 20, Time: time.Hour},
	}
	fmt.Println(Run(context.Background(), s))
}

// TestKilledParent: when the caller is killed, all of the sandbox is gone
// within a second.
func TestKilledParent(t *testing.T) {
	s := probe(t)
	c := helper("parent")
	c.Env = append(c.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "sleeping\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if n := processesOf(t, s); n < 2 {
		t.Errorf("%d processes before the kill: the test sees nothing", n)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	for end := time.Now().Add(time.Second); processesOf(t, s) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d processes after a second", processesOf(t, s))
		}
	}
}

// TestKilledParentAtAnyTime kills the caller while init is at work. An init
// that outlived it would become a child of this process.
func TestKilledParentAtAnyTime(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	s := probe(t)
	adopted := 0
	for i := range 15 {
		c := helper("parent")
		c.Env = append(c.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		_ = c.Process.Kill()
		_ = c.Wait()
		end := time.Now().Add(time.Second)
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid > 0 {
				adopted++
			}
			if err == unix.ECHILD {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("killed after %d ms: a process is left", 3*i)
			}
			time.Sleep(time.Millisecond)
		}
		noProcessesOf(t, s)
	}
	if adopted == 0 {
		t.Error("no init was ever alive when its parent was killed: the test shows nothing")
	}
}

// helper makes a command that runs this test binary for one of helpers.
func helper(name string) *exec.Cmd {
	c := exec.Command("/proc/self/exe")
	// The race detector would wait a second before it lets a process end.
	c.Env = append(os.Environ(), helperVariable+"="+name, "GORACE=atexit_sleep_ms=0")
	c.Stderr = os.Stderr
	return c
}
