// Command probe is the program that the tests of package sandbox run inside:
// it looks around, tries what a sandbox must refuse, and says what came of it.
// It is built without C, so that a root file system can consist of it alone.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	commands := map[string]func(args []string) error{
		"exit": exit, "signal": signalSelf, "print": printBoth, "cat": cat, "count": count,
		"sleep": sleep, "linger": linger, "orphans": orphans, "killall": killAll,
		"brief": brief, "brief-parent": briefParent, "reaped": reaped, "handout": handout, "roll": roll, "hog": hog, "bomb": bomb,
		"argv": argv, "env": env, "facts": facts, "threads": threads, "nested": nested, "terminal": terminal, "fds": fds, "mounts": mounts,
		"read": read, "ls": ls, "readlink": readlink, "write": write, "try": try,
		"receive": receive, "offer": offer,
		"rm": rm, "mv": mv, "mkdir": mkdir, "chmod": chmod, "touch": touch, "open": openOnly, "link": link, "remake": remake, "symlink": symlink, "append": appendTo, "deep": deep, "stat": stat,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		names := make([]string, 0, len(commands))
		for name := range commands {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "probe: want one of %s\n", strings.Join(names, ", "))
		os.Exit(125)
	}
	for rest := os.Args[1:]; len(rest) > 0; {
		args := rest
		if i := slices.Index(rest, ";"); i >= 0 {
			args, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if err := commands[args[0]](args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "probe: %s: %v\n", args[0], err)
			os.Exit(124)
		}
	}
}

// say prints what came of an attempt: "ok", or the name of the errno.
func say(what string, err error) {
	var errno unix.Errno
	switch {
	case err == nil:
		fmt.Printf("%s: ok\n", what)
	case errors.As(err, &errno):
		fmt.Printf("%s: %s\n", what, unix.ErrnoName(errno))
	default:
		fmt.Printf("%s: %v\n", what, err)
	}
}
