package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestExitCodes(t *testing.T) {
	for _, code := range []int{0, 1, 2, 77, 255} {
		s := probe(t, "exit", strconv.Itoa(code))
		err := Run(t.Context(), s)
		if code == 0 {
			if err != nil {
				t.Errorf("code 0: got %v", err)
			}
			continue
		}
		want := &ExitError{Argv: s.Argv, Code: code}
		if got, ok := err.(*ExitError); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("code %d: got %#v", code, err)
		}
		if want := "/bin/probe exit " + strconv.Itoa(code) + ": exit code " + strconv.Itoa(code); err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestSignals(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGHUP} {
		err := Run(t.Context(), probe(t, "signal", strconv.Itoa(int(sig))))
		got, ok := err.(*ExitError)
		if !ok || got.Signal != sig || got.Code != -1 {
			t.Errorf("%v: got %#v", sig, err)
		}
	}
}

func TestOutputIsKeptApart(t *testing.T) {
	s := probe(t, "print", "one", "two", "three", "four")
	var out, log bytes.Buffer
	s.Stdout, s.Stderr = &out, &log
	if err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if out.String() != "onethree" || log.String() != "twofour" {
		t.Errorf("got %q and %q", &out, &log)
	}
}

func TestOneWriterKeepsTheOrder(t *testing.T) {
	s := probe(t, "print", "1", "2", "3", "4", "5", "6")
	var out bytes.Buffer
	s.Stdout, s.Stderr = &out, &out
	if err := Run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if out.String() != "123456" {
		t.Errorf("got %q", &out)
	}
}

func TestLongOutput(t *testing.T) {
	const size = 8 << 20
	if got := output(t, probe(t, "count", strconv.Itoa(size))); len(got) != size || strings.Trim(got, "x") != "" {
		t.Errorf("got %d bytes, want %d", len(got), size)
	}
}

// TestSlowWriter: what is still in the pipe when the program has ended is not
// lost, however long the writer takes.
func TestSlowWriter(t *testing.T) {
	const size = 80_000 // one read and what a pipe holds are 96 KiB
	s := probe(t, "count", strconv.Itoa(size))
	got := 0
	s.Stdout = writerFunc(func(b []byte) {
		if got == 0 {
			time.Sleep(2 * afterEnd)
		}
		got += len(b)
	})
	if err := Run(t.Context(), s); err != nil || got != size {
		t.Errorf("got %d bytes, want %d, %v", got, size, err)
	}
}

func TestInput(t *testing.T) {
	s := probe(t, "cat")
	text := strings.Repeat("input\n", 100_000)
	s.Stdin = strings.NewReader(text)
	if got := output(t, s); got != text {
		t.Errorf("got %d bytes, want %d", len(got), len(text))
	}
}

func TestInputNobodyReads(t *testing.T) {
	s := probe(t, "exit", "0")
	s.Stdin = strings.NewReader(strings.Repeat("x", 1<<20))
	if err := Run(t.Context(), s); err != nil {
		t.Error(err)
	}
}

// TestInputWithoutEnd: a reader that has nothing more must not hold Run back.
func TestInputWithoutEnd(t *testing.T) {
	s := probe(t, "exit", "0")
	r, w := io.Pipe()
	defer w.Close() // lets the reading goroutine end
	s.Stdin = r
	start := time.Now()
	if err := Run(t.Context(), s); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

var errDisk = errors.New("no space")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errDisk }
func (broken) Read([]byte) (int, error)  { return 0, errDisk }

func TestBrokenStreams(t *testing.T) {
	s := probe(t, "sleep")
	s.Stdout = broken{}
	err := Run(t.Context(), s)
	if !errors.Is(err, errDisk) || err.Error() != "sandbox: write of the output: no space" {
		t.Errorf("writer: got %v", err)
	}
	s = probe(t, "sleep")
	s.Stdin = broken{}
	if err := Run(t.Context(), s); !errors.Is(err, errDisk) || err.Error() != "sandbox: read of the input: no space" {
		t.Errorf("reader: got %v", err)
	}
}

func TestArgumentsAndVariables(t *testing.T) {
	t.Setenv("LEAK", "from the host")
	args := []string{"", "a b", "$(id)", "`x`", "new\nline", "\xff\xfe", "'\"", strings.Repeat("long", 30_000)}
	s := probe(t, append([]string{"argv"}, args...)...)
	if got := output(t, s); got != strings.TrimSpace(strings.Join([]string{sprintQ(args)}, ""))+"\n" {
		t.Errorf("arguments: got %.200s", got)
	}
	s = probe(t, "env")
	s.Env = []string{"A=1", "B=x y\nz", "C=\xff", "D=", "E==="}
	if got := output(t, s); got != sprintQ(s.Env)+"\n" {
		t.Errorf("variables: got %s", got)
	}
}

func TestLookup(t *testing.T) {
	s := probe(t, "exit", "0")
	s.Argv[0] = "probe"
	s.Env = []string{"PATH=/nowhere:/bin"}
	if err := Run(t.Context(), s); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		argv0, env, dir, stage, text string
		errno                        unix.Errno
	}{
		{"probe", "X=1", "/", "program", "sandbox: program: probe: not in PATH: no such file or directory", unix.ENOENT},
		{"absent", "PATH=/bin", "/", "program", "sandbox: program: absent: not in PATH: no such file or directory", unix.ENOENT},
		{"data", "PATH=/bin", "/", "program", "sandbox: program: data: not in PATH: permission denied", unix.EACCES},
		{"/bin/absent", "PATH=/bin", "/", "program", "sandbox: program: /bin/absent: no such file or directory", unix.ENOENT},
		{"/bin/data", "PATH=/bin", "/", "program", "sandbox: program: /bin/data: permission denied", unix.EACCES},
		{"/bin/probe", "PATH=/bin", "/absent", "directory", "sandbox: directory: /absent: no such file or directory", unix.ENOENT},
	} {
		s := probe(t, "exit", "0")
		if err := os.WriteFile(filepath.Join(s.Lower[0], "bin/data"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.Argv[0], s.Env, s.Dir = c.argv0, []string{c.env}, c.dir
		err := Run(t.Context(), s)
		stage, ok := err.(*StageError)
		if !ok || stage.Stage != c.stage || !errors.Is(err, c.errno) || err.Error() != c.text {
			t.Errorf("%s: got %v", c.argv0, err)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	good := probe(t, "exit", "0")
	for text, change := range map[string]func(*Spec){
		"no program is named":                              func(s *Spec) { s.Argv = nil },
		"no layer is named":                                func(s *Spec) { s.Lower = nil },
		"a host path is empty":                             func(s *Spec) { s.Scratch = "" },
		`working directory "build": not absolute`:          func(s *Spec) { s.Dir = "build" },
		`environment "X": not NAME=value`:                  func(s *Spec) { s.Env = []string{"X"} },
		`environment "=x": not NAME=value`:                 func(s *Spec) { s.Env = []string{"=x"} },
		`"a\x00b": holds a NUL byte`:                       func(s *Spec) { s.Argv = []string{"a\x00b"} },
		`bind "x": want a clean absolute path below /`:     func(s *Spec) { s.Binds = []Bind{{Host: "/", Inside: "x"}} },
		`bind "/": want a clean absolute path below /`:     func(s *Spec) { s.Binds = []Bind{{Host: "/", Inside: "/"}} },
		`bind "/a/..": want a clean absolute path below /`: func(s *Spec) { s.Binds = []Bind{{Host: "/", Inside: "/a/.."}} },
		`bind "/proc/kcore": /proc is made by the sandbox`: func(s *Spec) { s.Binds = []Bind{{Host: "/", Inside: "/proc/kcore"}} },
		`bind "/dev": /dev is made by the sandbox`:         func(s *Spec) { s.Binds = []Bind{{Host: "/", Inside: "/dev"}} },
	} {
		s := good
		change(&s)
		err := Run(t.Context(), s)
		stage, ok := err.(*StageError)
		if !ok || stage.Stage != "spec" || err.Error() != "sandbox: spec: "+text {
			t.Errorf("want %s\ngot  %v", text, err)
		}
	}
	if entries, err := os.ReadDir(good.Scratch); err != nil || len(entries) != 0 {
		t.Errorf("the scratch directory was touched: %v %v", entries, err)
	}
}

func TestBadHostDirectories(t *testing.T) {
	for _, c := range []struct {
		stage  string
		errno  error
		change func(*Spec)
	}{
		{"layers", unix.ENOENT, func(s *Spec) { s.Lower = append(s.Lower, "/absent") }},
		{"layers", unix.ENOTDIR, func(s *Spec) { s.Lower = append(s.Lower, "/dev/null") }},
		{"layers", unix.ENOENT, func(s *Spec) { s.Binds = []Bind{{Host: "/absent", Inside: "/x"}} }},
		{"scratch", unix.ENOENT, func(s *Spec) { s.Scratch += "/absent" }},
		{"scratch", nil, func(s *Spec) { _ = os.Chmod(s.Scratch, 0o755) }},
		{"scratch", nil, func(s *Spec) { s.Scratch = "/" }},
	} {
		s := probe(t, "exit", "0")
		c.change(&s)
		err := Run(t.Context(), s)
		stage, ok := err.(*StageError)
		if !ok || stage.Stage != c.stage || c.errno != nil && !errors.Is(err, c.errno) {
			t.Errorf("want %s %v, got %v", c.stage, c.errno, err)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := probe(t, "linger")
	s.Argv[1] = "orphans"
	s.Argv = append(s.Argv, "3")
	s.Stdout = writerFunc(func(b []byte) { cancel() })
	start := time.Now()
	if err := Run(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	noProcessesOf(t, s)

	if err := Run(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: got %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s.Stdout = nil
	if err := Run(short, s); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: got %v", err)
	}
	noProcessesOf(t, s)
}

// TestCancelAtAnyTime cancels after more and more microseconds: no stage may
// leave a process or a descriptor behind, or give another error.
func TestCancelAtAnyTime(t *testing.T) {
	s := probe(t, "sleep")
	before := openDescriptors(t)
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Microsecond)
		if err := Run(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %d: got %v", i, err)
		}
		cancel()
	}
	noProcessesOf(t, s)
	if after := openDescriptors(t); after != before {
		t.Errorf("descriptors: %d before, %d after", before, after)
	}
}

func TestManyAtOnce(t *testing.T) {
	before := openDescriptors(t)
	var wg sync.WaitGroup
	for i := range 8 {
		s := probe(t, "print", strconv.Itoa(i))
		var out bytes.Buffer
		s.Stdout = &out
		wg.Go(func() {
			for range 3 {
				out.Reset()
				if err := Run(t.Context(), s); err != nil || out.String() != strconv.Itoa(i) {
					t.Errorf("%d: got %q, %v", i, &out, err)
				}
			}
		})
	}
	wg.Wait()
	if after := openDescriptors(t); after != before {
		t.Errorf("descriptors: %d before, %d after", before, after)
	}
}
