// Command meter measures for .ci/figures: wall time and memory of programs that
// run in turns, and programs inside the sandbox.
//
//	meter turns -n 10 [-warm] -- A ARGUMENT… [--vs B ARGUMENT…]
//	meter sandbox [-n 100] -scratch DIR -lower DIR… [-bind HOST:INSIDE]… -- PROGRAM ARGUMENT…
//
// Figures of a shared machine are worth something only as medians, and
// comparisons only as medians of ratios of runs that were neighbours in time:
// both drift with what else the machine does, the ratio least.
//
// It is not part of the product, and measures nothing that pbuild reports.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/fuel-infra/pbuild/sandbox"
)

func main() {
	if sandbox.IsInit() {
		sandbox.Init()
	}
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "meter:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("want turns or sandbox")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "turns":
		return turns(flags, args[1:], out)
	case "sandbox":
		return inSandbox(flags, args[1:], out)
	}
	return fmt.Errorf("%q: want turns or sandbox", args[0])
}
