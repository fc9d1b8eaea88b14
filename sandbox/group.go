package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// delegation is a control group (version 2; Documentation/admin-guide/cgroup-v2.rst
// of Linux) that this process may make others in: delegated to its user, as by
//
//	systemd-run --user --scope -p Delegate=yes pbuild …
type delegation struct {
	dir  string
	next atomic.Int64
}

// delegated returns where groups for sandboxes can be made, nil where they can't.
// There is one answer for the life of the process, which moves: a group that has
// processes of its own hands out no controllers.
var delegated = sync.OnceValue(func() *delegation {
	dir := ownGroup()
	if dir == "" {
		return nil
	}
	d, err := delegate(dir, "memory", "pids")
	if err != nil {
		return nil
	}
	return d
})

// ownGroup returns the directory of the group that this process is in, "" where it
// can't be seen.
func ownGroup() string {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(groups)) {
		own, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if !ok {
			continue
		}
		for mount := range strings.Lines(string(mounts)) {
			first, second, _ := strings.Cut(mount, " - ")
			f := strings.Fields(first)
			if len(f) < 5 || !strings.HasPrefix(second, "cgroup2 ") {
				continue
			}
			root := strings.TrimSuffix(f[3], "/")
			if rest, ok := strings.CutPrefix(own, root); ok && (rest == "" || rest[0] == '/') {
				return path.Join(f[4], rest)
			}
		}
	}
	return ""
}

// delegate makes the controllers work in the groups below dir. Where only this
// process is in dir it goes into a group of its own, below.
func delegate(dir string, controllers ...string) (*delegation, error) {
	for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if err := unix.Access(filepath.Join(dir, name), unix.W_OK); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
	}
	there, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	var enable []string
	for _, c := range controllers {
		if !slices.Contains(strings.Fields(string(there)), c) {
			return nil, fmt.Errorf("%s: no controller %s", dir, c)
		}
		enable = append(enable, "+"+c)
	}
	d := &delegation{dir: dir}
	set := func() error { return d.write("cgroup.subtree_control", strings.Join(enable, " ")) }
	if err := set(); !errors.Is(err, unix.EBUSY) {
		return d, err
	}
	self := strconv.Itoa(os.Getpid())
	inside, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(inside)) != self {
		return nil, fmt.Errorf("%s: has other processes", dir)
	}
	leaf := "pbuild-" + self
	if err := os.Mkdir(filepath.Join(dir, leaf), 0o755); err != nil {
		return nil, err
	}
	err = d.write(filepath.Join(leaf, "cgroup.procs"), self)
	if err == nil {
		if err = set(); err == nil {
			return d, nil
		}
		err = errors.Join(err, d.write("cgroup.procs", self))
	}
	return nil, errors.Join(err, os.Remove(filepath.Join(dir, leaf)))
}

func (d *delegation) write(name, text string) error {
	return os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0)
}

// group is the control group of one sandbox.
type group struct{ dir string }

// newGroup makes a group with the limits of memory and processes. Nothing of it is
// swapped out: that would be memory without a limit.
func (d *delegation) newGroup(l Limits) (_ *group, err error) {
	name := fmt.Sprintf("pbuild-%d-%d", os.Getpid(), d.next.Add(1))
	g := &group{filepath.Join(d.dir, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, err
	}
	set := func(file string, n int64) {
		if err == nil {
			err = d.write(filepath.Join(name, file), strconv.FormatInt(n, 10))
		}
	}
	if l.Memory > 0 {
		set("memory.max", l.Memory)
		set("memory.oom.group", 1)
		if _, e := os.Lstat(filepath.Join(g.dir, "memory.swap.max")); e == nil { // or the kernel can't swap
			set("memory.swap.max", 0)
		}
	}
	if l.Processes > 0 {
		set("pids.max", l.Processes)
	}
	if err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// add moves a process into the group, with all that it will start.
func (g *group) add(pid int) error {
	return os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// remove is for when no process is left.
func (g *group) remove() error { return os.Remove(g.dir) }

// errHostMemory says that no limit of the sandbox was reached: one of the groups
// above, or the host itself, had no memory left.
var errHostMemory = errors.New("killed by the kernel for want of memory on the host")

// reached returns which of these limits was reached, "" while none was. What is not
// limited in this group can be so in those above, whose events may show here.
func (g *group) reached(l Limits) (string, error) {
	oom, err := g.event("memory.events", "oom")
	if err != nil || oom && l.Memory > 0 {
		return MemoryLimit, err
	}
	killed, err := g.event("memory.events", "oom_kill")
	if err == nil && killed {
		err = errHostMemory
	}
	if err != nil {
		return "", err
	}
	if full, err := g.event("pids.events", "max"); err != nil || full && l.Processes > 0 {
		return ProcessesLimit, err
	}
	return "", nil
}

// event tells whether the kernel has counted an event of this group.
func (g *group) event(file, name string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // a group without that controller
	}
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) == 2 && string(f[0]) == name {
			return string(f[1]) != "0", err
		}
	}
	return false, err
}
