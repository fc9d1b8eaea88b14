package testenv

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fuel-infra/pbuild/sandbox"
)

// Main is the whole of a TestMain, but for Enter before it where the package has
// roles of its own. It runs the tests as an unprivileged user, with TMPDIR on the
// shared store's file system, and fails when a goroutine is left. Where the
// process is root's, the tests see a copy of what they read: the module's
// go.mod and recipes/ and the package's testdata/, at the same relative paths.
func Main(m *testing.M) {
	Enter()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") }) {
		return m.Run(), nil // a fuzz test needs no place, but the cache and testdata/ of who started it
	}
	p, err := findPlace()
	if err != nil {
		return 1, err
	}
	dir, done, err := p.newDir("tests")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if os.Geteuid() == 0 {
		return p.testAsOwner(dir)
	}
	if err := errors.Join(os.Setenv("TMPDIR", dir), os.Setenv(placeVariable, p.dir)); err != nil {
		return 1, err
	}
	if code = m.Run(); code != 0 {
		return code, nil
	}
	return 0, goleak.Find()
}

// Enter turns this process into what it was started for, where that is the
// first process of a sandbox or a job of this package for root; otherwise it
// returns. It stands first in the TestMain of each package whose tests use
// sandboxes or this package.
func Enter() {
	if sandbox.IsInit() {
		sandbox.Init()
	}
	if text := os.Getenv(jobVariable); text != "" {
		os.Unsetenv(jobVariable)
		if err := doJob(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}
