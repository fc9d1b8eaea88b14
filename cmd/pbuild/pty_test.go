package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/event"
)

// playStory is a program with the verb «story», which shows a build that runs
// until it is interrupted.
func playStory() {
	app := func(con *console) *cli.App {
		a := newApp(con)
		v := &cli.Command{Name: "story", Action: func(c *cli.Context) error {
			r := con.progress("story")
			defer r.stop()
			r.event(event.Event{Time: time.Now(), Node: library, State: event.Built, Seconds: 6.3})
			r.event(event.Event{Time: time.Now(), Node: web, State: event.Building, Step: strings.Repeat("世界", 100)})
			<-c.Context.Done()
			return fmt.Errorf("story: %w", c.Context.Err())
		}}
		adopt(con, []*cli.Command{v})
		a.Commands = append(a.Commands, v)
		return a
	}
	os.Exit(run(app, os.Args, os.Stdout, os.Stderr, os.Getenv))
}

// terminal is a program on a pseudo terminal.
type terminal struct {
	*exec.Cmd
	master *os.File

	mu     sync.Mutex
	output bytes.Buffer
	closed chan struct{}
}

func startOnTerminal(t *testing.T, cols uint16, program string, args ...string) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	master := os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	term := &terminal{Cmd: exec.Command(program, args...), master: master, closed: make(chan struct{})}
	term.resize(t, cols)
	term.Stdin, term.Stdout, term.Stderr = slave, slave, slave
	term.Dir = t.TempDir() // no collection here, nor above
	term.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "GORACE="+noRaceSleep)
	term.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.closed)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mu.Lock()
			term.output.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return // EIO: the last holder of the other side is gone
			}
		}
	}()
	t.Cleanup(func() {
		term.Process.Kill()
		term.Wait()
		<-term.closed
		master.Close()
	})
	return term
}

func (term *terminal) resize(t *testing.T, cols uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(term.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: cols}); err != nil {
		t.Fatal(err)
	}
}

// await waits until the output, from the offset on, holds want, and returns all.
func (term *terminal) await(t *testing.T, from int, want string) string {
	t.Helper()
	for range 500 {
		term.mu.Lock()
		s := term.output.String()
		term.mu.Unlock()
		if strings.Contains(s[from:], want) {
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in %q", want, term.output.String())
	return ""
}

// On a real terminal: lines fit, also after it became narrower; Ctrl-C ends the
// run with 130, leaves what was shown and the cursor to be seen.
func TestTerminal(t *testing.T) {
	term := startOnTerminal(t, 60, "pbuild-story", "story")
	out := term.await(t, 0, "1 running")
	if !strings.Contains(out, "[1/1] fuel-library deb: built 6.3s\x1b[K\r\n") {
		t.Errorf("the line that stays is missing: %q", out)
	}
	if w := textWidth(lastStep(out)); w != 59 && w != 58 { // the text is of wide characters
		t.Errorf("at 60 columns a line of %d: %q", w, out)
	}
	before := len(out)
	term.resize(t, 40)
	out = term.await(t, before, "1 running")
	if w := textWidth(lastStep(out)); w != 39 && w != 38 {
		t.Errorf("at 40 columns a line of %d: %q", w, out[before:])
	}
	if _, err := term.master.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	err := term.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("after Ctrl-C: %v, want exit code %d", err, exitInterrupted)
	}
	<-term.closed
	out = term.output.String()
	if want := " · 0:00\x1b[K\r\n\x1b[J\x1b[?25hpbuild: interrupted\r\n"; !strings.HasSuffix(minute.ReplaceAllString(out, "0:00"), want) {
		t.Errorf("the end is %q, want %q", out[max(0, len(out)-200):], want)
	}
}

var minute = regexp.MustCompile(`0:\d\d`)

// On a terminal nothing of a build steers it, and digests are short; a pipe gets
// the bytes as they are (the scripts say so).
func TestTerminalAnswers(t *testing.T) {
	dir := t.TempDir() + "/store"
	if err := reachable(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := record(dir, "hello", "deb", "1.0-1", "hello", begin); err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{
		"log hello":    "built hello 1.0-1 deb\r\n\\x1b[2J\r\n",
		"store ls":     "hello  deb  amd64  1.0-1  sha256:9db51e435617  16 B  " + begin.Local().Format(time.DateTime) + "\r\n1 realization, 16 B of packages\r\n",
		"store lss":    "pbuild: store: unknown verb \"lss\"\r\nhint: did you mean ls?  pbuild help store\r\n",
		"store verify": "checked 6 blobs (526 B), 1 realization, 0 trees, 1 root\r\n",
	} {
		term := startOnTerminal(t, 80, "pbuild", append([]string{"--store", dir}, strings.Fields(verb)...)...)
		term.Wait()
		<-term.closed
		if d := cmp.Diff(want, term.output.String()); d != "" {
			t.Errorf("%s (-want +got)\n%s", verb, d)
		}
	}
}

// lastStep returns the line of the running node in the last frame that has one.
func lastStep(out string) string {
	line := out[strings.LastIndex(out, "  fuel-web"):]
	line, _, _ = strings.Cut(line, "\x1b[K\r\n")
	return line
}
