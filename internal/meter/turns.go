package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// roundVariable tells a program which round it is in, from 1 on: what has to be
// new each time (an empty store) is named after it, so that nothing is cleaned
// up while the clock runs.
const roundVariable = "METER_ROUND"

// sample is one run of a program.
type sample struct {
	wall time.Duration
	rss  int64 // most memory that was resident at once, bytes
}

// turns runs one or two programs in turns and prints, separated by tabs: the
// median of A's wall times in milliseconds, the median of its peak RSS in
// megabytes; with B the same of B, then the median of A/B.
func turns(flags *flag.FlagSet, args []string, out io.Writer) error {
	n := flags.Int("n", 10, "rounds")
	warm := flags.Bool("warm", false, "one round before, which does not count")
	if err := flags.Parse(args); err != nil {
		return err
	}
	programs := split(flags.Args())
	if len(programs) < 1 || len(programs) > 2 || *n < 1 {
		return errors.New("turns: want one or two programs, and at least one round")
	}
	taken := make([][]sample, len(programs))
	first := 1
	if *warm {
		first = 0
	}
	for round := first; round <= *n; round++ {
		for i, argv := range programs {
			s, err := once(argv, round)
			if err != nil {
				return err
			}
			if round > 0 {
				taken[i] = append(taken[i], s)
			}
		}
	}
	for i, samples := range taken {
		if i > 0 {
			fmt.Fprint(out, "\t")
		}
		var wall, rss []float64
		for _, s := range samples {
			wall = append(wall, s.wall.Seconds()*1000)
			rss = append(rss, float64(s.rss)/1e6)
		}
		fmt.Fprintf(out, "%.1f\t%.1f", median(wall), median(rss))
	}
	if len(taken) == 2 {
		var ratios []float64
		for i := range taken[0] {
			ratios = append(ratios, taken[0][i].wall.Seconds()/taken[1][i].wall.Seconds())
		}
		fmt.Fprintf(out, "\t%.3f", median(ratios))
	}
	fmt.Fprintln(out)
	return nil
}

// split divides arguments at each «--vs»; a «--» may belong to a program.
func split(args []string) (programs [][]string) {
	begun := false
	for _, a := range args {
		switch {
		case a == "--vs":
			begun = false
		case !begun:
			programs, begun = append(programs, []string{a}), true
		default:
			programs[len(programs)-1] = append(programs[len(programs)-1], a)
		}
	}
	return programs
}

// once runs a program; what it prints counts only when it fails.
func once(argv []string, round int) (sample, error) {
	c := exec.Command(argv[0], argv[1:]...)
	c.Env = append(os.Environ(), roundVariable+"="+strconv.Itoa(round))
	begun := time.Now()
	text, err := c.CombinedOutput()
	wall := time.Since(begun)
	if err != nil {
		return sample{}, fmt.Errorf("%q: %w\n%s", argv, err, text)
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{wall: wall, rss: usage.Maxrss * 1024}, nil
}
