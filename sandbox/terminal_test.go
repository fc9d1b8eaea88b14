package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seat is a person's end of a terminal.
type seat struct {
	keys    *os.File
	resized chan TerminalSize
	ended   chan error

	mu    sync.Mutex // guards what follows
	shown bytes.Buffer
}

func (s *seat) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(b)
}

func (s *seat) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// await waits until want was shown.
func (s *seat) await(t *testing.T, want string) {
	t.Helper()
	for begun := time.Now(); !strings.Contains(s.text(), want); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatalf("no %q in %q", want, s.text())
		}
	}
}

func (s *seat) typeIn(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// sit starts a program on a terminal.
func sit(t *testing.T, ctx context.Context, args ...string) *seat {
	t.Helper()
	in, keys, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	s := &seat{keys: keys, resized: make(chan TerminalSize), ended: make(chan error, 1)}
	spec := probe(t, args...)
	spec.Terminal = &Terminal{In: in, Out: s, Size: TerminalSize{Rows: 24, Cols: 80}, Resized: s.resized}
	go func() { s.ended <- Run(ctx, spec) }()
	return s
}

const facts = "0 /dev/pts/0 <nil>\r\n1 /dev/pts/0 <nil>\r\n2 /dev/pts/0 <nil>\r\nforeground true <nil>\r\nsize 24 80 <nil>\r\n"

// TestTerminalOfItsOwn: the terminal is the sandbox's own; what is typed arrives, sizes do,
// keys interrupt, and all of it is shown to the end.
func TestTerminalOfItsOwn(t *testing.T) {
	s := sit(t, t.Context(), "terminal")
	s.await(t, "size 24 80 <nil>\r\n")
	s.resized <- TerminalSize{Rows: 50, Cols: 132}
	s.await(t, "size 50 132 <nil>\r\n")
	s.typeIn(t, "\x03")
	s.await(t, "interrupt\r\n")
	s.typeIn(t, "hello\r")
	s.await(t, "typed \"hello\"\r\n")
	s.typeIn(t, "leave\r")
	var exit *ExitError
	begun := time.Now()
	if err := <-s.ended; !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > afterEnd {
		t.Errorf("the end took %s", took)
	}
	want := facts + "size 50 132 <nil>\r\n^Cinterrupt\r\nhello\r\ntyped \"hello\"\r\nleave\r\ntyped \"leave\"\r\n"
	if d := cmp.Diff(want, s.text()); d != "" {
		t.Errorf("shown (-want +got)\n%s", d)
	}
}

// TestTerminalHangsUp: the end of what is typed is a terminal that is gone.
func TestTerminalHangsUp(t *testing.T) {
	s := sit(t, t.Context(), "terminal")
	s.await(t, "size 24 80")
	s.keys.Close()
	var exit *ExitError
	if err := <-s.ended; !errors.As(err, &exit) || exit.Code != 9 && exit.Signal != syscall.SIGHUP {
		t.Errorf("got %v", err)
	}
}

// TestTerminalKilled: the end of the context is the end of all.
func TestTerminalKilled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := sit(t, ctx, "terminal")
	s.await(t, "size 24 80")
	cancel()
	if err := <-s.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestTerminalNothingElse: a program on a terminal has its three streams and no
// other descriptor, neither the master nor the socket that it came through.
func TestTerminalNothingElse(t *testing.T) {
	s := sit(t, t.Context(), "fds")
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	plain := output(t, probe(t, "fds"))
	if want, got := strings.Count(plain, "\n"), strings.Count(s.text(), "\r\n"); got != want || strings.Contains(s.text(), "ptmx") || strings.Contains(s.text(), "socket") {
		t.Errorf("shown %q, without a terminal %q", s.text(), plain)
	}
}

// TestTerminalNeverMade: a sandbox that is refused, before and after the terminal.
func TestTerminalNeverMade(t *testing.T) {
	for _, tc := range []struct {
		change func(*Spec)
		stage  string
	}{
		{func(s *Spec) { s.Lower = []string{"/nowhere"} }, "layers"},
		{func(s *Spec) { s.Argv = []string{"/none"} }, "program"},
		{func(s *Spec) { s.Stdout = io.Discard }, "spec"},
	} {
		in, keys, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s := probe(t, "terminal")
		s.Terminal = &Terminal{In: in, Out: io.Discard}
		tc.change(&s)
		var refused *StageError
		if err := Run(t.Context(), s); !errors.As(err, &refused) || refused.Stage != tc.stage {
			t.Errorf("%s: got %v", tc.stage, err)
		}
		in.Close() // of a spec that is refused nothing was touched
		keys.Close()
	}
}
