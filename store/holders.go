package store

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// holders says in words which processes hold the flock of a file, from
// /proc/locks (proc_locks(5)). It is a hint for people: what cannot be found
// out is left out.
func holders(path string) string {
	const unknown = "processes that cannot be named"
	info, err := os.Stat(path)
	if err != nil {
		return unknown
	}
	st := info.Sys().(*syscall.Stat_t)
	f, err := os.Open("/proc/locks")
	if err != nil {
		return unknown
	}
	defer f.Close()
	var words []string
	for _, pid := range flockHolders(f, unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			words = append(words, fmt.Sprintf("pid %d", pid))
			continue
		}
		words = append(words, fmt.Sprintf("pid %d (%s)", pid, strings.TrimSpace(string(name))))
	}
	if len(words) == 0 {
		return unknown
	}
	return strings.Join(words, ", ")
}

// flockHolders reads lines such as
//
//	1: FLOCK  ADVISORY  READ  1234 fd:00:5678 0 EOF
//
// those of waiters have "->" after the number.
func flockHolders(r io.Reader, major, minor uint32, inode uint64) []int {
	want := fmt.Sprintf("%02x:%02x:%d", major, minor, inode)
	var pids []int
	for sc := bufio.NewScanner(r); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != want {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
