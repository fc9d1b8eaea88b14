package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// startShell starts a shell for hello on a terminal and returns at its prompt, with
// what it types on the terminal, and what that was like before.
func startShell(t *testing.T) (term *terminal, store string, before unix.Termios) {
	t.Helper()
	store = newStore(t, "debian-12-deb")
	recipes, err := filepath.Abs("../../recipes")
	if err != nil {
		t.Fatal(err)
	}
	term = startOnTerminal(t, 80, "pbuild", "shell", "hello", "--format", "deb", "--store", store, "--recipes", recipes)
	before = term.attributes(t)
	term.await(t, 0, "[hello deb] /build/hello-1.0# ")
	return term, store, before
}

func (term *terminal) attributes(t *testing.T) unix.Termios {
	t.Helper()
	a, err := unix.IoctlGetTermios(int(term.master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *a
}

// enter types text, and returns when the terminal shows want after it.
func (term *terminal) enter(t *testing.T, text, want string) {
	t.Helper()
	term.mu.Lock()
	from := term.output.Len()
	term.mu.Unlock()
	if _, err := term.master.WriteString(text); err != nil {
		t.Fatal(err)
	}
	term.await(t, from, want)
}

const prompt = "[hello deb] /build/hello-1.0# "

// TestShellOnTerminal: a terminal of the sandbox's own, for whose program keys
// interrupt and stop, which has the size of the one outside; and that one is left as
// it was.
func TestShellOnTerminal(t *testing.T) {
	t.Parallel()
	term, store, before := startShell(t)
	term.enter(t, "tty; stty size; echo $TERM $(ls /dev/pts) >&2\r", "/dev/pts/0\r\n24 80\r\nxterm 0 ptmx\r\n")
	term.enter(t, "while test \"$(stty size)\" = '24 80'; do sleep 0.01; done; echo new siz\"\"e\r", "\r\n")
	term.resize(t, 132)
	term.enter(t, "", "new size\r\n")
	term.enter(t, "stty size\r", "24 132\r\n")
	term.enter(t, "sh -c 'echo slee\"\"ping; exec sleep 1000'\r", "sleeping\r\n")
	term.enter(t, "\x03", "^C")
	term.enter(t, "echo code $?\r", "code 130\r\n")
	term.enter(t, "sh -c 'echo slee\"\"ping; exec sleep 1000'\r", "sleeping\r\n")
	term.enter(t, "\x1a", "Stopped")
	term.enter(t, "p=$(jobs -p); kill -KILL $p; while kill -0 $p 2>&-; do sleep 0.01; done; touch /build/changed; echo go\"\"ne\r", "gone\r\n")
	if _, err := term.master.WriteString("exit 7\r"); err != nil {
		t.Fatal(err)
	}
	if err := term.Wait(); err != nil {
		t.Errorf("left with exit 7: %v", err)
	}
	if d := cmp.Diff(before, term.attributes(t)); d != "" {
		t.Errorf("the terminal afterwards (-before +after)\n%s", d)
	}
	<-term.closed
	out := term.output.String()
	if !strings.HasSuffix(out, prompt+"exit 7\r\n\x1b[?2004l\rexit\r\n") {
		t.Errorf("the end is %q", out[max(0, len(out)-200):])
	}
	for _, want := range []string{"the build runs: dpkg-buildpackage -b -us -uc -d -rfakeroot\x1b[K\r\n", "what you change is gone when you leave\x1b[K\r\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	nothingLeft(t, store)
}

// TestShellEnded: a signal ends the shell with all that runs in it, and the terminal
// is as it was.
func TestShellEnded(t *testing.T) {
	t.Parallel()
	term, store, before := startShell(t)
	term.enter(t, "sleep 86394 & echo beg\"\"un\r", "begun\r\n")
	if err := term.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := term.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("got %v", err)
	}
	if d := cmp.Diff(before, term.attributes(t)); d != "" {
		t.Errorf("the terminal afterwards (-before +after)\n%s", d)
	}
	<-term.closed
	if out := term.output.String(); !strings.HasSuffix(out, "\r\npbuild: interrupted\r\n") && !strings.HasSuffix(out, prompt+"pbuild: interrupted\r\n") {
		t.Errorf("the end is %q", out[max(0, len(out)-200):])
	}
	nothingLeft(t, store)
}

// nothingLeft wants no process of the store's user in the store, nothing in the
// making, and the store in order.
func nothingLeft(t *testing.T, store string) {
	t.Helper()
	p := &slowPlace{t: t, store: store, mark: "86394"}
	if names := p.left(); names != nil {
		t.Errorf("left: %q", names)
	}
	p.over()
	if out, err := exec.Command("pbuild", "store", "verify", "--store", store).CombinedOutput(); err != nil || !strings.Contains(string(out), " 0 realizations,") {
		t.Errorf("store verify: %v\n%s", err, out)
	}
}
