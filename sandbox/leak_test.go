package sandbox

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each test here makes an attempt from inside, and then the same one without
// the stage that defeats it, where the attempt can then work on this kernel for
// an unprivileged process.

func TestInitIsClosed(t *testing.T) {
	s := probe(t, "read", "/proc/1/cmdline", "/proc/1/environ", "/proc/1/maps", "/proc/1/mem", "/proc/1/fd/3", "/proc/1/auxv", "/proc/1/stack")
	want := `/proc/1/cmdline: "pbuild-init\x00"
/proc/1/environ: EACCES
/proc/1/maps: EACCES
/proc/1/mem: EACCES
/proc/1/fd/3: EACCES
/proc/1/auxv: EACCES
/proc/1/stack: EACCES
`
	if got := output(t, s); got != want {
		t.Errorf("got %s", got)
	}
	s.Argv = []string{"/bin/probe", "read", "/proc/1/environ"}
	if got := without(t, s, "undumpable"); !strings.Contains(got, "/proc/1/environ: \"GODEBUG=") {
		t.Errorf("control: got %s", got)
	}
	// Its descriptors can be counted (/proc/1/fd), and that is all.
	s = probe(t, "ls", "/proc/1/cwd", "/proc/1/root", "/proc/1/fdinfo")
	want = "/proc/1/cwd: EACCES\n/proc/1/root: EACCES\n/proc/1/fdinfo: EACCES\n"
	if got := output(t, s); got != want {
		t.Errorf("got %s", got)
	}
	s = probe(t, "readlink", "/proc/1/fd/0", "/proc/1/fd/3", "/proc/1/exe", "/proc/1/ns/user")
	want = "/proc/1/fd/0: EACCES\n/proc/1/fd/3: EACCES\n/proc/1/exe: EACCES\n/proc/1/ns/user: EACCES\n"
	if got := output(t, s); got != want {
		t.Errorf("got %s", got)
	}
	if got := without(t, s, "undumpable"); strings.Contains(got, "EACCES") || !strings.Contains(got, "/proc/1/fd/3: \"pipe:[") {
		t.Errorf("control: got %s", got)
	}
}

func TestInitIsNotTraced(t *testing.T) {
	s := probe(t, "try", "ptrace-init", "init-memory", "init-pidfd")
	if got := tried(t, s); got["ptrace-init"] != "EPERM" || got["init-memory"] != "EACCES" || got["init-pidfd"] != "EPERM" {
		t.Errorf("got %v", got)
	}
	if got := tried(t, s, "undumpable"); got["ptrace-init"] != "ok" || got["init-memory"] != "ok" || got["init-pidfd"] != "ok" {
		t.Errorf("control: got %v", got)
	}
}

// TestThreadsOfInit: the threads that serve init's runtime have no capability
// either. Where C code is linked in, Go can reach the main one only.
func TestThreadsOfInit(t *testing.T) {
	out := output(t, probe(t, "threads"))
	if !strings.Contains(out, "CapEff:\t0000000000000000") {
		t.Fatalf("got %s", out)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "CapEff:") && line != "CapEff:\t0000000000000000\n" && !cgoEnabled {
			t.Errorf("a thread has %s", line)
		}
		if strings.HasPrefix(line, "Seccomp:") && line != "Seccomp:\t2\n" {
			t.Errorf("a thread has %s", line)
		}
	}
	if control := without(t, probe(t, "threads"), "capabilities"); !strings.Contains(control, "CapEff:\t000001ffffffffff") {
		t.Errorf("control: got %s", control)
	}
}

func TestMasks(t *testing.T) {
	files, dirs := masked()
	var names []string
	for _, name := range files {
		names = append(names, "/proc/"+name)
	}
	s := probe(t, append([]string{"read"}, names...)...)
	control := without(t, s, "masks")
	empty, full := 0, 0
	for line := range strings.Lines(output(t, s)) {
		name, got, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch got {
		case `""`:
			empty++
			if c := field(t, control, name); c != `""` && c != "EACCES" && c != "EPERM" {
				full++
			}
		case "ENOENT": // this kernel has none
			if c := field(t, control, name); c != "ENOENT" {
				t.Errorf("%s: control: %s", name, c)
			}
		default:
			t.Errorf("%s: %s", name, got)
		}
	}
	if empty < 8 || full < 8 {
		t.Errorf("%d files are masked, %d of them can be read without the mask", empty, full)
	}
	names = nil
	for _, name := range dirs {
		names = append(names, "/proc/"+name)
	}
	s = probe(t, append([]string{"ls"}, names...)...)
	for line := range strings.Lines(output(t, s)) {
		if !strings.HasSuffix(line, ": []\n") && !strings.HasSuffix(line, ": ENOENT\n") {
			t.Errorf("got %s", line)
		}
	}
	if control := without(t, s, "masks"); strings.Count(control, ": []\n") > len(dirs)-3 {
		t.Errorf("control: got %s", control)
	}
	s = probe(t, "mkdir", "/proc/fs/x")
	var said bytes.Buffer
	s.Stderr = &said
	var exit *ExitError
	if err := Run(t.Context(), s); !errors.As(err, &exit) || !strings.Contains(said.String(), "read-only file system") {
		t.Errorf("mkdir: %v, %s", err, said.String())
	}
	// The masks can't be taken away.
	s = probe(t, "try", "umount", "remount")
	if got := tried(t, s); got["umount"] != "EPERM" || got["remount"] != "EPERM" {
		t.Errorf("got %v", got)
	}
	if got := tried(t, s, "filter"); got["umount"] != "EPERM" || got["remount"] != "EPERM" {
		t.Errorf("without the filter: got %v", got)
	}
	if got := tried(t, s, "filter", "capabilities"); got["umount"] != "ok" && got["remount"] != "ok" {
		t.Errorf("control: got %v", got)
	}
}

// TestProcSysIsReadOnly: it takes a capability of the namespace to write there,
// so that there are two defences; each is tried without the other.
func TestProcSysIsReadOnly(t *testing.T) {
	const own = "/proc/sys/net/ipv4/ip_forward"
	s := probe(t, "write", own, "/proc/sys/kernel/hostname", "/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/core_pattern")
	for line := range strings.Lines(output(t, s)) {
		if !strings.HasSuffix(line, ": EACCES\n") && !strings.HasSuffix(line, ": EROFS\n") {
			t.Errorf("got %s", line)
		}
	}
	for _, c := range []struct {
		want string
		omit []string
	}{
		{"EROFS", []string{"capabilities"}},
		{"EACCES", []string{"read-only proc"}},
		{"ok", []string{"capabilities", "read-only proc"}},
	} {
		if got := field(t, without(t, s, c.omit...), own); got != c.want {
			t.Errorf("without %q: got %s, want %s", c.omit, got, c.want)
		}
	}
}

func TestSysIsEmpty(t *testing.T) {
	s := probe(t, "ls", "/sys")
	if err := os.MkdirAll(filepath.Join(s.Lower[0], "sys/of-the-image"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := output(t, s); got != "/sys: []\n" {
		t.Errorf("got %s", got)
	}
	s.Argv = []string{"/bin/probe", "try", "sys-file"}
	if got := output(t, s); got != "sys-file: EROFS\n" {
		t.Errorf("got %s", got)
	}
	s.Argv = []string{"/bin/probe", "ls", "/sys"}
	if got := without(t, s, "sys"); got != "/sys: [\"of-the-image\"]\n" {
		t.Errorf("control: got %s", got)
	}
}

// TestTerminal: characters can't be pushed into a terminal. Where the kernel
// has TIOCSTI turned off for all, the control can't show more.
func TestTerminal(t *testing.T) {
	b, err := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti")
	off := err == nil && strings.TrimSpace(string(b)) == "0"
	for _, c := range []struct{ name, control string }{
		{"tiocsti", "ok"}, {"tiocsti-high", "ok"}, {"tioclinux", "ENOTTY"},
	} {
		s := probe(t, "try", c.name)
		if got := tried(t, s)[c.name]; got != "EPERM" {
			t.Errorf("%s: got %s", c.name, got)
		}
		if off && c.control == "ok" {
			c.control = "EIO"
		}
		if got := tried(t, s, "filter")[c.name]; got != c.control {
			t.Errorf("%s: control: got %s, want %s", c.name, got, c.control)
		}
	}
}

// TestTerminalOfTheCaller: the program has no controlling terminal.
func TestTerminalOfTheCaller(t *testing.T) {
	if got := output(t, probe(t, "write", "/dev/tty")); got != "/dev/tty: ENXIO\n" {
		t.Errorf("got %s", got)
	}
}

func TestNetwork(t *testing.T) {
	s := probe(t, "try", "abroad", "resolve", "loopback", "raw", "packet", "vsock", "alg")
	want := map[string]string{
		"abroad": "ENETUNREACH", "resolve": "ENETUNREACH", "loopback": "ok", "raw": "EPERM",
		"packet": "EAFNOSUPPORT", "vsock": "EAFNOSUPPORT", "alg": "EAFNOSUPPORT",
	}
	for name, got := range tried(t, s) {
		if got != want[name] && !(name == "resolve" && got == "EADDRNOTAVAIL") {
			t.Errorf("%s: got %s, want %s", name, got, want[name])
		}
	}
	if got := tried(t, s, "loopback"); got["loopback"] == "ok" {
		t.Errorf("control: got %v", got)
	}
	if got := tried(t, s, "filter", "capabilities"); got["packet"] != "ok" || got["raw"] != "ok" {
		t.Errorf("control: got %v", got)
	}
}

// TestServersOfTheHost: neither a TCP port nor an abstract socket of the host
// can be reached. The control leaves out the network namespace.
func TestServersOfTheHost(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	abstract, err := net.Listen("unix", "@pbuild-sandbox-test")
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	s := probe(t, "try", "host-tcp", "host-unix")
	s.Env = []string{"HOST_TCP=" + tcp.Addr().String(), "HOST_UNIX=@pbuild-sandbox-test"}
	if got := tried(t, s); got["host-tcp"] != "ECONNREFUSED" || got["host-unix"] != "ECONNREFUSED" {
		t.Errorf("got %v", got)
	}
	control := launchOutput(t, s, allNamespaces&^unix.CLONE_NEWNET, "loopback", "read-only proc")
	if control != "host-tcp: ok\nhost-unix: ok\n" {
		t.Errorf("control: got %s", control)
	}
}

// TestFilesOfTheHost: no path leads out.
func TestFilesOfTheHost(t *testing.T) {
	s := probe(t, "read", "/etc/passwd", "/../../etc/passwd", "/proc/self/root/etc/passwd", "/proc/self/cwd/../../../etc/passwd", "/proc/1/root/etc/passwd")
	for line := range strings.Lines(output(t, s)) {
		if !strings.HasSuffix(line, ": ENOENT\n") && !strings.HasSuffix(line, ": EACCES\n") {
			t.Errorf("got %s", line)
		}
	}
	if got := output(t, probe(t, "ls", "/")); strings.Contains(got, "home") || strings.Contains(got, "root") {
		t.Errorf("got %s", got)
	}
}

// TestProcessesOfTheHost: only those of the sandbox are seen.
func TestProcessesOfTheHost(t *testing.T) {
	out := output(t, probe(t, "ls", "/proc"))
	n := 0
	for _, name := range strings.Fields(strings.Trim(out, "/proc: []\n")) {
		if name = strings.Trim(name, `"`); strings.Trim(name, "0123456789") == "" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d processes in %s", n, out)
	}
}
