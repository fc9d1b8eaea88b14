package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstUID is where the search for an unused uid begins: above what
// distributions give to people and services, and to containers by default.
const firstUID = 700000

// home is the default store of root; its owner is the uid of every worker on
// this machine.
const home = "/var/lib/pbuild"

// prepareStore makes the store's directory belong to an unprivileged uid and
// returns that. A directory that is there keeps its owner; one of root's that
// holds anything is an error.
func prepareStore(dir string) (int, error) {
	owner, err := ownerOf(dir)
	switch {
	case err == nil && owner != 0:
		return owner, mapped("/proc/self/uid_map", owner)
	case err == nil:
		entries, err := os.ReadDir(dir)
		if err != nil {
			return 0, err
		}
		if len(entries) > 0 {
			return 0, fmt.Errorf("store %s: belongs to root and is not empty: a store belongs to an unprivileged uid", dir)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return 0, err
	}
	uid, err := ownerOf(home)
	if err != nil || uid == 0 {
		if uid, err = unusedUID(os.DirFS("/etc")); err != nil {
			return 0, err
		}
	}
	if err := mapped("/proc/self/uid_map", uid); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return 0, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	// By descriptor: a link that somebody put there must not give away what it
	// leads to.
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return 0, fmt.Errorf("store %s: is a link: what it leads to wants an unprivileged owner first", dir)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := errors.Join(f.Chmod(0o700), f.Chown(uid, uid)); err != nil {
		return 0, fmt.Errorf("store %s: %w", dir, err)
	}
	return uid, nil
}

// ErrNotMapped says that this process is in a user namespace that lacks the uid
// of the worker.
var ErrNotMapped = errors.New("not mapped in this user namespace")

// mapped wants a uid to be one that this process can become: file is its
// uid_map, see user_namespaces(7). The owner of what is not mapped shows as
// another uid, which is not mapped either.
func mapped(file string, uid int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		var first, outside, n int
		if _, err := fmt.Sscan(line, &first, &outside, &n); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if first <= uid && uid-first < n {
			return nil
		}
	}
	return fmt.Errorf("worker: uid %d: %w", uid, ErrNotMapped)
}

func ownerOf(dir string) (int, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return 0, fmt.Errorf("store %s: is no directory", dir)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), nil
}

// unusedUID returns the lowest uid from firstUID on that neither passwd(5) nor
// subuid(5) and subgid(5) give to anybody.
func unusedUID(etc fs.FS) (int, error) {
	type span struct{ from, to int }
	var taken []span
	for _, name := range []string{"passwd", "group", "subuid", "subgid"} {
		f, err := etc.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			fields := strings.Split(lines.Text(), ":")
			if len(fields) < 3 {
				continue
			}
			a, errA := strconv.Atoi(fields[1])
			b, errB := strconv.Atoi(fields[2])
			switch {
			case name == "passwd" || name == "group":
				if errB == nil {
					taken = append(taken, span{b, b})
				}
			case errA == nil && errB == nil:
				taken = append(taken, span{a, a + b - 1})
			}
		}
		if err := lines.Err(); err != nil {
			return 0, fmt.Errorf("/etc/%s: %w", name, err)
		}
	}
	uid := firstUID
	for again := true; again; {
		again = false
		for _, s := range taken {
			if s.from <= uid && uid <= s.to {
				uid, again = s.to+1, true
			}
		}
	}
	return uid, nil
}

// nogroup is the group of those who have none, on every distribution.
const nogroup = 65534

// groupFor returns the group of a worker: the number of its uid where that was
// searched for, since then no group has it either; elsewhere it may be the
// number of any group, such as disk.
func groupFor(uid int) int {
	if uid >= firstUID {
		return uid
	}
	return nogroup
}
