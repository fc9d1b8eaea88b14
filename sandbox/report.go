package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
)

// Init reports to its caller through a pipe, a line for each event:
//
//	done STAGE
//	fail STAGE ERRNO DETAIL    errno 0: the detail is all there is
//	exit CODE
//	signal NUMBER
//
// with tabs between the fields and the detail quoted as Go quotes strings.
// Exactly one of fail, exit and signal ends a report; without one init was
// killed.

type outcome struct {
	done   []string
	failed string // the stage that was refused
	err    error
	ended  bool // the program ran and ended by code or signal
	code   int
	signal syscall.Signal
}

func doneLine(stage string) string { return "done\t" + stage + "\n" }

func failLine(stage string, err error) string {
	var errno syscall.Errno
	detail := err.Error()
	if errors.As(err, &errno) {
		if detail == errno.Error() {
			detail = ""
		}
		detail = strings.TrimSuffix(detail, ": "+errno.Error())
	}
	return fmt.Sprintf("fail\t%s\t%d\t%q\n", stage, int(errno), shortened(detail))
}

// longestDetail keeps a line, quoted, shorter than a bufio.Scanner takes: how long
// the paths are that errors name is up to the program.
const longestDetail = 4 << 10

// shortened leaves out the middle of what is too long.
func shortened(s string) string {
	if len(s) <= longestDetail {
		return s
	}
	return s[:longestDetail/2] + " … " + s[len(s)-longestDetail/2:]
}

func endLine(ws syscall.WaitStatus) string {
	if ws.Signaled() {
		return fmt.Sprintf("signal\t%d\n", int(ws.Signal()))
	}
	return fmt.Sprintf("exit\t%d\n", ws.ExitStatus())
}

// readReport reads until init has ended; it calls started when all is made, and
// the program has begun.
func readReport(r io.Reader, started func()) (rep outcome, err error) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		f := strings.Split(in.Text(), "\t")
		switch {
		case len(f) == 2 && f[0] == "done":
			if rep.done = append(rep.done, f[1]); f[1] == lastStage {
				started()
			}
		case len(f) == 4 && f[0] == "fail":
			rep.failed, rep.err = f[1], parseFault(f[2], f[3])
		case len(f) == 2 && f[0] == "exit":
			rep.code, err = strconv.Atoi(f[1])
			rep.ended = err == nil
		case len(f) == 2 && f[0] == "signal":
			var n int
			n, err = strconv.Atoi(f[1])
			rep.code, rep.signal, rep.ended = -1, syscall.Signal(n), err == nil
		default:
			err = fmt.Errorf("report %q: not understood", in.Text())
		}
		if err != nil {
			return rep, err
		}
	}
	return rep, in.Err()
}

func parseFault(number, quoted string) error {
	n, err1 := strconv.Atoi(number)
	detail, err2 := strconv.Unquote(quoted)
	switch {
	case err1 != nil || err2 != nil:
		return fmt.Errorf("report %s %s: not understood", number, quoted)
	case n == 0:
		return errors.New(detail)
	case detail == "":
		return syscall.Errno(n)
	}
	return fmt.Errorf("%s: %w", detail, syscall.Errno(n))
}
