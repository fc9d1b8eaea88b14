package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// What test workers do, by the first argument.
func playWorker(args []string) int {
	side, err := Join()
	if err == nil {
		err = workers[args[0]](side, args[1:])
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type exitCode int

func (c exitCode) Error() string { return fmt.Sprint(int(c)) }

var workers = map[string]func(*Side, []string) error{
	// put hands over the info, the digest of the collection, and each argument.
	"put": func(s *Side, args []string) error {
		if err := s.Put("info", "info", int64(len(s.Info)), strings.NewReader(string(s.Info))); err != nil {
			return err
		}
		for _, a := range args {
			if err := s.Put("arg", "arg", int64(len(a)), strings.NewReader(a)); err != nil {
				return err
			}
		}
		return s.Close()
	},
	// unpack unpacks the collection into the store and hands over its digest.
	"unpack": func(s *Side, args []string) error {
		dir, err := os.MkdirTemp(args[0], "collection-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := s.Unpack(context.Background(), dir); err != nil {
			return err
		}
		d, err := tree.Digest(os.DirFS(dir))
		if err != nil {
			return err
		}
		if err := s.Put("digest", "digest", int64(len(d.String())), strings.NewReader(d.String())); err != nil {
			return err
		}
		return s.Close()
	},
	// look hands over what the kernel says of this process.
	"look": func(s *Side, _ []string) error {
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return err
		}
		text := string(status)
		for _, fd := range fds {
			to, err := os.Readlink("/proc/self/fd/" + fd.Name())
			if err == nil {
				text += "fd\t" + fd.Name() + " " + to + "\n"
			}
		}
		wd, _ := os.Getwd()
		text += "wd\t" + wd + "\nargs\t" + strings.Join(os.Args, " ") + "\n"
		if err := s.Put("look", "look", int64(len(text)), strings.NewReader(text)); err != nil {
			return err
		}
		return s.Close()
	},
	// typed hands over what is typed for it, and what it has of a terminal.
	"typed": func(s *Side, _ []string) error {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		to, _ := os.Readlink("/proc/self/fd/0")
		kind, _, _ := strings.Cut(to, ":")
		_, readErr := syscall.Read(1, make([]byte, 1))
		_, openErr := os.OpenFile("/proc/self/fd/1", os.O_RDWR, 0)
		pushErr := unix.IoctlSetPointerInt(1, unix.TIOCSTI, 'x')
		fmt.Print("shown")
		all := fmt.Sprintf("%s|%s|%v|%v|%v", text, kind, readErr, errors.Is(openErr, fs.ErrPermission), pushErr)
		if err := s.Put("typed", "typed", int64(len(all)), strings.NewReader(all)); err != nil {
			return err
		}
		return s.Close()
	},
	"exit": func(*Side, []string) error { return exitCode(7) },
	"die": func(s *Side, _ []string) error {
		// In the middle of a file.
		s.Put("half", "half", 1<<20, io.LimitReader(zeros{}, 1<<10))
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	// hostile hands over what a worker never would, and waits to be killed.
	"hostile": func(s *Side, _ []string) error {
		if err := s.Put("package", "../x", 0, strings.NewReader("")); err != nil {
			return err
		}
		time.Sleep(time.Minute)
		return nil
	},
	// interrupted says that it is there, and how many SIGINTs it got.
	"interrupted": func(s *Side, _ []string) error {
		signals := make(chan os.Signal, 9)
		signal.Notify(signals, syscall.SIGINT)
		if err := s.Put("there", "there", 0, strings.NewReader("")); err != nil {
			return err
		}
		n := 0
		for {
			select {
			case <-signals:
				n++
			case <-time.After(300 * time.Millisecond):
				if n > 0 {
					return exitCode(100 + n)
				}
			}
		}
	},
	// sleep says its process id and stays.
	"sleep": func(s *Side, _ []string) error {
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
		return nil
	},
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// playParent is a process of root that runs the worker args[1] over the store
// args[0], and prints what it hands over.
func playParent(args []string) int {
	code, err := Run(context.Background(), Job{
		Args: args[1:], Env: os.Environ(), Store: args[0], Files: map[string]fs.FS{"recipes": os.DirFS(filepath.Dir(args[0]))},
		Put: func(kind, name string, _ int64, r io.Reader) error {
			body, err := io.ReadAll(r)
			fmt.Printf("%s %s %s\n", kind, name, body)
			return err
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
