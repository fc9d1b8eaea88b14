package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/sandbox"
)

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// inSandbox runs a program inside the sandbox with the environment that meter
// has, and prints the median in milliseconds when it runs it more than once.
func inSandbox(flags *flag.FlagSet, args []string, out io.Writer) (err error) {
	var lower, binds list
	n := flags.Int("n", 1, "times")
	scratch := flags.String("scratch", "", "private `directory`; each run gets a new one in it")
	flags.Var(&lower, "lower", "`directory` of a layer, bottom first")
	flags.Var(&binds, "bind", "`HOST:INSIDE`, writable; the first is the working directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *scratch == "" || len(lower) == 0 || flags.NArg() == 0 || *n < 1 {
		return errors.New("sandbox: want -scratch, -lower and a program")
	}
	spec := sandbox.Spec{Lower: lower, Argv: flags.Args(), Env: os.Environ(), Dir: "/", Stdout: os.Stdout, Stderr: os.Stderr}
	for i, b := range binds {
		host, inside, ok := strings.Cut(b, ":")
		if !ok {
			return fmt.Errorf("sandbox: -bind %q: want HOST:INSIDE", b)
		}
		spec.Binds = append(spec.Binds, sandbox.Bind{Host: host, Inside: inside, Writable: true})
		if i == 0 {
			spec.Dir = inside
		}
	}
	var took []float64
	for i := range *n {
		dir := filepath.Join(*scratch, strconv.Itoa(i))
		// Nothing is removed in between: for seconds ext4 walks around inodes that were freed just before.
		defer func() { err = errors.Join(err, sandbox.RemoveScratch(dir)) }()
		wall, err := runOnce(spec, dir)
		if err != nil {
			return err
		}
		took = append(took, wall.Seconds()*1000)
	}
	if *n > 1 {
		fmt.Fprintf(out, "%.2f\n", median(took))
	}
	return nil
}

func runOnce(spec sandbox.Spec, scratch string) (wall time.Duration, err error) {
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return 0, err
	}
	spec.Scratch = scratch
	begun := time.Now()
	err = sandbox.Run(context.Background(), spec)
	return time.Since(begun), err
}
