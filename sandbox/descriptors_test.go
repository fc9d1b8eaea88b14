package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDescriptors(t *testing.T) {
	s := probe(t, "fds")
	out := output(t, s)
	if got := field(t, strings.ReplaceAll(out, " ", ": "), "0"); got != "/dev/null" {
		t.Errorf("input: %s", got)
	}
	for line := range strings.Lines(out) {
		fd, to, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case fd == "0" && to == "/dev/null":
		case (fd == "1" || fd == "2") && strings.HasPrefix(to, "pipe:["):
		case strings.HasPrefix(to, "anon_inode:"): // the probe's own
		default:
			t.Errorf("%s is %s", fd, to)
		}
	}
}

// TestInheritedDescriptor: what the caller got from its own parent without
// close-on-exec is closed. The control shows that it would arrive.
func TestInheritedDescriptor(t *testing.T) {
	secret := filepath.Join(tempDir(t), "secret")
	if err := os.WriteFile(secret, []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, omit := range []string{"", "descriptors"} {
		f, err := os.Open(secret)
		if err != nil {
			t.Fatal(err)
		}
		c := helper("inherit")
		s := probe(t)
		c.Env = append(c.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "OMIT="+omit)
		c.ExtraFiles = []*os.File{nil, nil, nil, nil, nil, nil, f} // as 9
		out, err := c.Output()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(string(out), "canary"), omit != ""; got != want {
			t.Errorf("without %q: seen %v:\n%s", omit, got, out)
		}
	}
}

// inheritHelper holds descriptor 9 open over execve.
func inheritHelper() {
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, 9, syscall.F_SETFD, 0); errno != 0 {
		panic(errno)
	}
	s := Spec{Lower: []string{os.Getenv("LOWER")}, Scratch: os.Getenv("SCRATCH"), Argv: []string{"/bin/probe", "read", "/proc/self/fd/9"}}
	runHelper(s, os.Getenv("OMIT"))
}

// TestPollerAboveInherited: the runtime's own descriptors are told from others also
// where many inherited ones stand before them.
func TestPollerAboveInherited(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c := helper("poller")
	for range 300 {
		c.ExtraFiles = append(c.ExtraFiles, null) // as 3 to 302
	}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(out), "anon_inode:[eventpoll] anon_inode:[eventfd]\n"; got != want {
		t.Errorf("the runtime's own: %q, want %q", got, want)
	}
}

func pollerHelper() {
	own, err := runtimeDescriptors()
	if err != nil {
		panic(err)
	}
	var names []string
	for _, fd := range own {
		if fd <= 302 {
			panic(fmt.Sprintf("%d is inherited", fd))
		}
		to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil {
			panic(err)
		}
		names = append(names, to)
	}
	fmt.Println(strings.Join(names, " "))
}
