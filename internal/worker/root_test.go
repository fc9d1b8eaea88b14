//go:build root

package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// testUID owns the stores of these tests.
const testUID = 700123

// newStore returns a directory that a worker owns and can reach.
func newStore(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("tests with the tag root want to be run as root")
	}
	dir, err := os.MkdirTemp("/var/tmp", "pbuild-worker-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(dir, "store")
	if err := errors.Join(os.Mkdir(store, 0o700), os.Chown(store, testUID, testUID)); err != nil {
		t.Fatal(err)
	}
	return store
}

// run runs a job and returns what was handed over, «kind name body» each.
func run(t *testing.T, j Job) (handed []string, code int, err error) {
	t.Helper()
	if j.Put == nil {
		j.Put = func(kind, name string, _ int64, r io.Reader) error {
			body, err := io.ReadAll(r)
			handed = append(handed, kind+" "+name+" "+string(body))
			return err
		}
	}
	j.Env = append(j.Env, "PATH=/bin")
	code, err = Run(t.Context(), j)
	return handed, code, err
}

func TestRootHandsOver(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	got, code, err := run(t, Job{Args: []string{"put", "one", "", long}, Store: newStore(t), Info: []byte("info\x00")})
	if want := []string{"info info info\x00", "arg arg one", "arg arg ", "arg arg " + long}; err != nil || code != 0 || !slices.Equal(got, want) {
		t.Errorf("got %.200q, %d, %v", got, code, err)
	}
}

// TestRootCollection: one that only root can reach, seen as it is.
func TestRootCollection(t *testing.T) {
	store := newStore(t)
	dir := filepath.Join(t.TempDir(), "closed/recipes")
	if err := os.MkdirAll(filepath.Join(dir, "hello/src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"pbuild.yaml": 0o600, "hello/recipe.yaml": 0o400, "hello/src/run": 0o700} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("src/run", filepath.Join(dir, "hello/link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// The worker has each tree under its name.
	files := map[string]fs.FS{"recipes": root.FS(), "source-x": fstest.MapFS{"file": {Data: []byte("x"), Mode: 0o755}}}
	copied := t.TempDir()
	if err := os.CopyFS(copied+"/recipes", root.FS()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied+"/source-x", files["source-x"]); err != nil {
		t.Fatal(err)
	}
	want, err := tree.Digest(os.DirFS(copied))
	if err != nil {
		t.Fatal(err)
	}
	got, code, err := run(t, Job{Args: []string{"unpack", store}, Store: store, Files: files})
	if err != nil || code != 0 || !slices.Equal(got, []string{"digest digest " + want.String()}) {
		t.Errorf("got %q, %d, %v; the digest is %s", got, code, err, want)
	}
}

// TestRootWorkerHasNothing: no privilege nor a way to one, no group, no
// descriptor.
func TestRootWorkerHasNothing(t *testing.T) {
	store := newStore(t)
	// A descriptor that was not opened with O_CLOEXEC, as a shell leaves it.
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(secret, unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := syscall.Setgroups([]int{0, 4, 1}); err != nil {
		t.Fatal(err)
	}
	got, code, err := run(t, Job{Args: []string{"look"}, Store: store})
	if err != nil || code != 0 || len(got) != 1 {
		t.Fatalf("got %q, %d, %v", got, code, err)
	}
	id := strconv.Itoa(testUID)
	none := "0000000000000000"
	for name, want := range map[string]string{
		"Uid:": id + "\t" + id + "\t" + id + "\t" + id, "Gid:": id + "\t" + id + "\t" + id + "\t" + id, "Groups:": " ",
		"CapInh:": none, "CapPrm:": none, "CapEff:": none, "CapBnd:": none, "CapAmb:": none, "NoNewPrivs:": "1", "wd": "/", "args": Name + " look",
	} {
		if !strings.Contains(got[0], "\n"+name+"\t"+want+"\n") {
			t.Errorf("%s is not %q", name, want)
		}
	}
	// A session of its own: it can't type into root's terminal.
	if _, after, _ := strings.Cut(got[0], "\nPid:\t"); !strings.Contains(got[0], "\nNSsid:\t"+strings.SplitN(after, "\n", 2)[0]+"\n") {
		t.Error("it is in the session of its parent")
	}
	parentKeepsItsOwn(t)
	pipes := 0
	for line := range strings.Lines(got[0]) {
		fd, ok := strings.CutPrefix(line, "fd\t")
		if !ok {
			continue
		}
		n, to, _ := strings.Cut(strings.TrimSpace(fd), " ")
		switch {
		case n == "0" && to == "/dev/null", n == "1", n == "2", strings.HasPrefix(to, "anon_inode:"), strings.HasPrefix(to, "/proc/"),
			strings.HasPrefix(to, "/sys/fs/cgroup/"): // the last three are what Go opens for itself
		case strings.HasPrefix(to, "pipe:"):
			pipes++
		default:
			t.Errorf("descriptor %s: %s", n, to)
		}
	}
	if pipes != 2 {
		t.Errorf("%d pipes besides the standard streams in\n%s", pipes, got[0])
	}
}

// keys are typed by hand: their Read ends when they are closed.
type keys struct {
	io.Reader
	closed chan struct{}
}

func (k *keys) Read(b []byte) (int, error) {
	if n, err := k.Reader.Read(b); err == nil {
		return n, nil
	}
	<-k.closed
	return 0, io.EOF
}

func (k *keys) Close() error {
	close(k.closed)
	return nil
}

// TestRootTyped: what is typed comes through a pipe; of root's terminal, the
// worker's output, nothing can be read, and nothing typed into it.
func TestRootTyped(t *testing.T) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	defer master.Close()
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if _, err := master.WriteString("a secret\n"); err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = slave
	got, code, err := run(t, Job{Args: []string{"typed"}, Store: newStore(t), Stdin: io.NopCloser(strings.NewReader("keys"))})
	os.Stdout = stdout
	want := "typed typed keys|pipe|bad file descriptor|true|operation not permitted"
	if err != nil || code != 0 || !slices.Equal(got, []string{want}) && !slices.Equal(got, []string{strings.Replace(want, "operation not permitted", "input/output error", 1)}) {
		t.Errorf("got %q, %d, %v", got, code, err)
	}
	b := make([]byte, 100)
	for !strings.Contains(string(b), "shown") {
		if _, err := master.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	// A worker that ends by itself ends the reading too.
	open := &keys{strings.NewReader("x"), make(chan struct{})}
	if _, code, err := run(t, Job{Args: []string{"exit"}, Store: newStore(t), Stdin: open}); err != nil || code != 7 {
		t.Errorf("got %d, %v", code, err)
	}
}

// init keeps the main thread to the main goroutine: it can't end, so where it
// starts a worker it stays behind and runs nothing more.
func init() { runtime.LockOSThread() }

// parentKeepsItsOwn wants no thread of this process to have given up what the
// worker must not have, once the one that started it has ended.
func parentKeepsItsOwn(t *testing.T) {
	t.Helper()
	var without []string
	for begun := time.Now(); time.Since(begun) < 2*time.Second; time.Sleep(time.Millisecond) {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		without = nil
		for _, thread := range threads {
			status, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/status")
			if err == nil && !strings.Contains(string(status), "\nNoNewPrivs:\t0\n") {
				without = append(without, string(status))
			}
		}
		if without == nil {
			return
		}
	}
	t.Errorf("%d threads can't get privileges any more:\n%s", len(without), without)
}

// TestRootGroup: the uid's number names a group only where it was chosen so that
// it names nobody.
func TestRootGroup(t *testing.T) {
	for uid, gid := range map[int]string{testUID: "700123", 6: "65534", 699999: "65534"} {
		store := newStore(t)
		if err := os.Chown(store, uid, 0); err != nil {
			t.Fatal(err)
		}
		got, code, err := run(t, Job{Args: []string{"look"}, Store: store})
		want := fmt.Sprintf("\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\nGid:\t%[2]s\t%[2]s\t%[2]s\t%[2]s\n", uid, gid)
		if err != nil || code != 0 || !strings.Contains(got[0], want) {
			t.Errorf("uid %d: %q, %d, %v", uid, got, code, err)
		}
	}
}

// TestRootBadCollection: what can't be sent whole is an error, whatever the
// worker makes of a part of it.
func TestRootBadCollection(t *testing.T) {
	files := fstest.MapFS{"a": &fstest.MapFile{Data: []byte("a")}, "b": &fstest.MapFile{Mode: fs.ModeNamedPipe}}
	for _, verb := range []string{"unpack", "put"} {
		store := newStore(t)
		got, _, err := run(t, Job{Args: []string{verb, store}, Store: store, Files: map[string]fs.FS{"recipes": files}})
		if err == nil || !strings.Contains(err.Error(), "b: ") {
			t.Errorf("%s: got %q, %v", verb, got, err)
		}
	}
}

func TestRootExitCodes(t *testing.T) {
	store := newStore(t)
	// More than a pipe holds: a worker that does not read it must not hang its parent.
	large := fstest.MapFS{"large": &fstest.MapFile{Data: make([]byte, 1<<20)}}
	if got, code, err := run(t, Job{Args: []string{"exit"}, Store: store, Files: map[string]fs.FS{"recipes": large}}); err != nil || code != 7 || got != nil {
		t.Errorf("exit: got %q, %d, %v", got, code, err)
	}
	got, code, err := run(t, Job{Args: []string{"die"}, Store: store})
	if err == nil || !strings.HasPrefix(err.Error(), "worker: signal: killed") || code != 0 || len(got) > 1 {
		t.Errorf("die: got %.60q, %d, %v", got, code, err)
	}
}

// TestRootRefuses: a worker that hands over what it must not is ended.
func TestRootRefuses(t *testing.T) {
	begun := time.Now()
	got, _, err := run(t, Job{Args: []string{"hostile"}, Store: newStore(t)})
	if err == nil || err.Error() != `worker: hands over "package/../x": not a plain file` || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it lived for %s", took)
	}
}

// TestRootInterrupt: the end of the context is one SIGINT, and no more.
func TestRootInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	code, err := Run(ctx, Job{Args: []string{"interrupted"}, Store: newStore(t), Put: func(string, string, int64, io.Reader) error {
		cancel()
		return nil
	}})
	if err != nil || code != 101 {
		t.Errorf("got %d, %v", code, err)
	}
}

// parent returns a command of root that runs a worker over a store.
func parent(exe string, args ...string) *exec.Cmd {
	c := exec.Command(exe)
	c.Env = append(os.Environ(), roleVariable+"="+strings.Join(args, " "))
	c.Stderr = os.Stderr
	return c
}

// TestRootDiesWithParent: SIGKILL of root's process ends the worker.
func TestRootDiesWithParent(t *testing.T) {
	c := parent("/proc/self/exe", newStore(t), "sleep")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Fatal("the worker was not there")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	for begun := time.Now(); alive(pid); {
		if time.Since(begun) > time.Second {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the worker lives a second later")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// alive reports whether a process is more than what its parent has not yet asked
// for.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// TestRootClosedProgram: a program of mode 0700 in a directory of mode 0700.
func TestRootClosedProgram(t *testing.T) {
	store := newStore(t)
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "pbuild")
	body, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, body, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := parent(exe, store, "put", "x").Output()
	if want := "info info \narg arg x\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestRootByHand: a worker that nobody runs, and one of root.
func TestRootByHand(t *testing.T) {
	for uid, want := range map[uint32]string{0: "worker: runs as root\n", testUID: "worker: started by hand? "} {
		c := exec.Command("/proc/self/exe")
		c.Args = []string{Name, "put"}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := c.CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("as %d: %q, %v", uid, out, err)
		}
	}
}
