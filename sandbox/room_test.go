package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestFacts compares all that a build sees of its surroundings.
func TestFacts(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	// A caller started by nohup, for one, has this signal ignored.
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	runtime.LockOSThread() // and this one blocked
	defer runtime.UnlockOSThread()
	var mask, old unix.Sigset_t
	mask.Val[0] = 1 << (unix.SIGUSR2 - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &mask, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)

	s := probe(t, "facts")
	s.Dir = "/tmp"
	want := `uid: 0 0
gid: 0 0
groups: []
dir: /tmp
umask: 022
session leader: true
session of init: 1
parent: 1
host: pbuild
domain: (none)
Max stack size: 8388608
Max core file size: 0
Max open files: 1024
SigBlk: 0000000000000000
SigIgn: 0000000000000000
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 0000000000000000
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
interface up: lo
`
	if diff := cmp.Diff(want, output(t, s)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	control := without(t, s, "host name", "limits", "loopback", "filter", "capabilities", "no new privileges")
	for _, line := range []string{"host: pbuild", "NoNewPrivs: 1", "Seccomp: 2", "CapBnd: 0000000000000000", "CapEff: 0000000000000000", "interface up: lo", "Max open files: 1024"} {
		if strings.Contains(control, line+"\n") {
			t.Errorf("%s: also without the stage that makes it so", line)
		}
	}
}

// TestHostNames: both names of the host are replaced.
func TestHostNames(t *testing.T) {
	s := probe(t)
	h := helperWithCapabilities("names", unix.CAP_SYS_ADMIN)
	h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch)
	out, err := h.Output()
	if err != nil || !strings.Contains(string(out), "host: pbuild\ndomain: (none)\n") {
		t.Errorf("got %s %v", out, err)
	}
	h = helperWithCapabilities("names", unix.CAP_SYS_ADMIN)
	h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "OMIT=host name")
	out, err = h.Output()
	if err != nil || !strings.Contains(string(out), "host: secret-host\ndomain: secret-domain\n") {
		t.Errorf("control: got %s %v", out, err)
	}
}

func namesHelper() {
	if err := errors.Join(unix.Sethostname([]byte("secret-host")), unix.Setdomainname([]byte("secret-domain"))); err != nil {
		fmt.Println(err)
		return
	}
	s := Spec{Lower: []string{os.Getenv("LOWER")}, Scratch: os.Getenv("SCRATCH"), Argv: []string{"/bin/probe", "facts"}}
	runHelper(s, os.Getenv("OMIT"))
}

func TestMountTable(t *testing.T) {
	s := probe(t, "mounts")
	s.Binds = []Bind{{Host: tempDir(t), Inside: "/build/in"}}
	out := output(t, s)
	numbered := regexp.MustCompile(`,lowerdir=[0-9:]+,upperdir=[0-9]+,workdir=[0-9]+,.*\bvolatile,userxattr\b`)
	var points []string
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if strings.Trim(f[0], "0123456789") != "" { // of /proc/mounts
			points = append(points, f[1])
			if strings.Contains(line, s.Scratch) || strings.Contains(line, s.Lower[0]) || strings.Contains(line, os.TempDir()) {
				t.Errorf("names a path of the host: %s", line)
			}
			if f[1] != "/" && f[2] != "devtmpfs" && !strings.HasPrefix(f[1], "/dev/") && !strings.HasPrefix(f[1], "/proc/") && !strings.Contains(f[3], "nosuid") {
				t.Errorf("not nosuid: %s", line)
			}
		}
		if strings.Contains(line, "lowerdir=") && !numbered.MatchString(line) {
			t.Errorf("layers are not numbers: %s", line)
		}
	}
	want := []string{
		"/", "/build/in", "/dev", "/dev/full", "/dev/null", "/dev/pts", "/dev/random", "/dev/shm", "/dev/tty",
		"/dev/urandom", "/dev/zero", "/proc", "/proc/sys", "/run", "/sys", "/tmp",
	}
	slices.Sort(points)
	points = slices.DeleteFunc(points, func(p string) bool { // the masks, which depend on the kernel
		return strings.HasPrefix(p, "/proc/") && p != "/proc/sys"
	})
	if diff := cmp.Diff(want, points); diff != "" {
		t.Errorf("mount points, want -, got +:\n%s", diff)
	}
	// Of the mountinfo, only the line of the bind may name the host.
	for line := range strings.Lines(out) {
		if strings.Contains(line, filepath.Base(os.TempDir())) && !strings.Contains(line, " /build/in ") {
			t.Errorf("names a path of the host: %s", line)
		}
	}
}

func TestDirectoriesMade(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	s := probe(t, "ls", "/", "/sys", "/dev", "/etc", "/tmp", "/run", "/dev/shm")
	want := `/: ["bin" "dev" "etc" "proc" "run" "sys" "tmp"]
/sys: []
/dev: ["fd" "full" "null" "ptmx" "pts" "random" "shm" "stderr" "stdin" "stdout" "tty" "urandom" "zero"]
/etc: ["hosts" "resolv.conf"]
/tmp: []
/run: []
/dev/shm: []
`
	if diff := cmp.Diff(want, output(t, s)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	s.Argv = []string{"/bin/probe", "stat", "/tmp", "/run", "/dev/shm", "/", "/etc/hosts", "/dev/null"}
	want = `/tmp: 41777 0:0 
/run: 40755 0:0 
/dev/shm: 41777 0:0 
/: 40755 0:0 
/etc/hosts: 100644 0:0 
/dev/null: 20666 65534:65534 
`
	if diff := cmp.Diff(want, output(t, s)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	// None of it shows in what the program changed.
	if entries, err := os.ReadDir(filepath.Join(s.Scratch, "upper")); err != nil || len(entries) != 0 {
		t.Errorf("upper holds %v, %v", entries, err)
	}
}

func TestHostsFile(t *testing.T) {
	s := probe(t, "read", "/etc/hosts", "/etc/resolv.conf")
	if got, want := output(t, s), "/etc/hosts: "+`"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"`+"\n/etc/resolv.conf: \"\"\n"; got != want {
		t.Errorf("got %s", got)
	}
	// An image's own is kept.
	if err := os.MkdirAll(filepath.Join(s.Lower[0], "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Lower[0], "etc/hosts"), []byte("own"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := output(t, s), "/etc/hosts: \"own\"\n/etc/resolv.conf: \"\"\n"; got != want {
		t.Errorf("got %s", got)
	}
	// Neither is a mount point, so that a package's scripts can replace them.
	s.Argv = []string{"/bin/probe", "mv", "/etc/hosts", "/etc/old"}
	if got := output(t, s); got != "mv: ok\n" {
		t.Errorf("got %s", got)
	}
}

// TestImageWithLinks: a hostile image can't turn a mount of init elsewhere.
func TestImageWithLinks(t *testing.T) {
	for _, name := range []string{"proc", "dev", "sys", "tmp", "run"} {
		s := probe(t, "exit", "0")
		if err := os.Symlink("/etc", filepath.Join(s.Lower[0], name)); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), s)
		if stage, ok := err.(*StageError); !ok || stage.Stage != "mount points" || err.Error() != "sandbox: mount points: /"+name+": too many levels of symbolic links" {
			t.Errorf("link: got %v", err)
		}
		s = probe(t, "exit", "0")
		if err := os.WriteFile(filepath.Join(s.Lower[0], name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		err = Run(t.Context(), s)
		if stage, ok := err.(*StageError); !ok || stage.Stage != "mount points" {
			t.Errorf("file: got %v", err)
		}
	}
}

// TestMountsEndWithRun: the overlay is gone when Run returns, so that its
// directories can be used for another.
func TestMountsEndWithRun(t *testing.T) {
	s := probe(t, "touch", "/file")
	for range 8 {
		if err := Run(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cat", "/proc/self/mountinfo").Output(); err != nil || strings.Contains(string(out), s.Scratch) {
		t.Errorf("%s %v", out, err)
	}
}
