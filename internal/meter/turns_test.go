package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestTurns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order")
	// $0 is the file, $1 the program's name; what is printed is not shown.
	const script = `echo "$1$METER_ROUND" >> "$0"; echo noise; [ "$1" != slow ] || sleep 0.05`
	var out bytes.Buffer
	err := run([]string{
		"turns", "-n", "3", "-warm", "--", "sh", "-c", script, file, "slow", "--",
		"--vs", "sh", "-c", script, file, "fast",
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	order, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(order)); strings.Join(got, " ") != "slow0 fast0 slow1 fast1 slow2 fast2 slow3 fast3" {
		t.Errorf("ran %q", got)
	}
	// Of each wall time and memory, then the ratio of the times.
	if !regexp.MustCompile(`^(\d+\.\d\t){4}\d+\.\d{3}\n$`).Match(out.Bytes()) {
		t.Fatalf("printed %q", &out)
	}
	slow, _, _ := strings.Cut(out.String(), "\t")
	if ms, err := strconv.ParseFloat(slow, 64); err != nil || ms < 50 {
		t.Errorf("50 ms of sleep took %v ms, %v", ms, err)
	}
}

func TestTurnsFails(t *testing.T) {
	var out bytes.Buffer
	err := turns(flag.NewFlagSet("turns", flag.ContinueOnError), []string{"--", "sh", "-c", "echo why; exit 3"}, &out)
	if err == nil || !strings.Contains(err.Error(), "exit status 3\nwhy") || out.Len() > 0 {
		t.Errorf("error %v, printed %q", err, &out)
	}
	for _, args := range [][]string{{}, {"turns"}, {"turns", "-n", "0", "true"}, {"sandbox", "true"}, {"race"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, v := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 3, 2}, 7: {7}} {
		if got := median(v); got != want {
			t.Errorf("median(%v) = %v, want %v", v, got, want)
		}
	}
}
