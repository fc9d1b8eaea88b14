package testenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/fuel-infra/pbuild/sandbox"
)

// toolsImage holds the tools that tests compare pbuild with.
const toolsImage = "debian-12-test"

// Tool runs a program of the locked builder debian-12-test in the sandbox and
// returns what it printed. The test fails when the program does.
func Tool(t testing.TB, binds []sandbox.Bind, argv ...string) string {
	t.Helper()
	return ToolOf(t, toolsImage, binds, argv...)
}

// ToolOf is Tool for a program of another locked builder.
func ToolOf(t testing.TB, image string, binds []sandbox.Bind, argv ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := runToolOf(t.Context(), &out, image, binds, argv); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// RunTool is Tool with an error, which holds what the program printed to its
// standard error. What it prints to its standard output goes to out.
func RunTool(ctx context.Context, out io.Writer, binds []sandbox.Bind, argv ...string) error {
	return runToolOf(ctx, out, toolsImage, binds, argv)
}

func runToolOf(ctx context.Context, out io.Writer, image string, binds []sandbox.Bind, argv []string) error {
	p, err := findPlace()
	if err != nil {
		return err
	}
	return p.do(ctx, job{Image: image, Binds: binds, Argv: argv}, out)
}

func (p place) runTool(ctx context.Context, out io.Writer, name string, binds []sandbox.Bind, argv []string) (err error) {
	s, err := openShared(p)
	if err != nil {
		return err
	}
	defer s.close()
	image, err := s.image(ctx, name)
	if err != nil {
		return err
	}
	scratch, err := s.Scratch("tool")
	if err != nil {
		return err
	}
	defer scratch.Close()
	var said bytes.Buffer
	err = sandbox.Run(ctx, sandbox.Spec{
		Lower: image.Lower(), Scratch: scratch.Dir, Binds: binds, Argv: argv,
		Env:    []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC"},
		Stdout: out, Stderr: &said,
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, &said)
	}
	return nil
}
