//go:build root

package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// enterGroup makes a control group that belongs to the tests' user, as systemd does
// with Delegate=yes, and starts the tests there.
func enterGroup(c *exec.Cmd) (leave func(), err error) {
	dir := filepath.Join(cgroupMount(), "pbuild-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	for _, name := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
		if err := os.Chown(filepath.Join(dir, name), testUID, testUID); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	c.SysProcAttr.UseCgroupFD, c.SysProcAttr.CgroupFD = true, int(f.Fd())
	return func() {
		f.Close()
		// The tests' own group, and those of processes that a test killed.
		below, _ := filepath.Glob(filepath.Join(dir, "pbuild-*"))
		for _, d := range append(below, dir) {
			if err := os.Remove(d); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}, nil
}

func cgroupMount() string {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if first, second, _ := strings.Cut(line, " - "); strings.HasPrefix(second, "cgroup2 ") {
			return strings.Fields(first)[4]
		}
	}
	return ""
}

// ownDelegation is where tests make groups, also where the kernel has given the
// controllers that limits need to version 1.
func ownDelegation(t *testing.T) *delegation {
	t.Helper()
	if d := delegated(); d != nil {
		return d
	}
	d, err := delegate(ownGroup())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGroupIsNotSeen: a sandbox is in a group of its own from before its program
// begins, which sees itself in the root, as without one; then the group is gone.
func TestGroupIsNotSeen(t *testing.T) {
	d := ownDelegation(t)
	groups := func() []string {
		all, err := filepath.Glob(filepath.Join(d.dir, "pbuild-*-*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var without string
	for _, groupOf := range []*delegation{nil, d} {
		s := probe(t, "cat", "/proc/self/cgroup")
		var out bytes.Buffer
		var inside []string
		s.Stdout = writerFunc(func(b []byte) {
			out.Write(b)
			for _, g := range groups() {
				pids, err := os.ReadFile(filepath.Join(g, "cgroup.procs"))
				if err != nil {
					t.Error(err)
				}
				inside = append(inside, strings.Fields(string(pids))...)
			}
		})
		p, err := s.plan()
		if err != nil {
			t.Fatal(err)
		}
		l := launch{plan: p, stdout: s.Stdout, groups: groupOf, namespaces: allNamespaces}
		if rep, err := l.run(t.Context()); err != nil || rep.code != 0 {
			t.Fatal(rep, err)
		}
		if groupOf == nil {
			without = out.String()
			if len(inside) != 0 || !strings.Contains(without, "0::/\n") {
				t.Errorf("control: %q, %q", inside, without)
			}
			continue
		}
		if out.String() != without {
			t.Errorf("inside: got %q, want %q", &out, without)
		}
		if len(inside) == 0 {
			t.Error("the group was empty")
		}
	}
	if left := groups(); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

// TestGroupKeepsLimits: where the kernel has the controllers it is the group that
// counts; where not, they are said to be missing.
func TestGroupKeepsLimits(t *testing.T) {
	dir := ownGroup()
	if rest, ok := strings.CutPrefix(filepath.Base(dir), "pbuild-"); ok && !strings.HasPrefix(rest, "test-") {
		dir = filepath.Dir(dir) // in the leaf by now
	}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Fields(string(text))
	if !slices.Contains(have, "memory") || !slices.Contains(have, "pids") {
		if Means() != MeansWatch {
			t.Errorf("means %s with %q", Means(), have)
		}
		if _, err := delegate(dir, "memory"); err == nil || err.Error() != dir+": no controller memory" {
			t.Errorf("delegate: %v", err)
		}
		return
	}
	if Means() != MeansGroup {
		_, err := delegate(dir, "memory", "pids")
		t.Fatalf("means %s: %v", Means(), err)
	}
	d := delegated()
	g, err := d.newGroup(Limits{Memory: 64 * mib, Processes: 77})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "67108864", "memory.oom.group": "1", "pids.max": "77"} {
		if got, err := os.ReadFile(filepath.Join(g.dir, file)); err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if limit, err := g.reached(Limits{Memory: 64 * mib, Processes: 77}); limit != "" || err != nil {
		t.Errorf("reached: %q, %v", limit, err)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
	// What no process holds counts too.
	s := probe(t, "hog", "sockets", "4000")
	s.Limits.Memory = 128 * mib
	hits(t, s, MemoryLimit, 128*mib, "memory: limit 128 MiB reached: ")
}

// TestGroupOfAnother: a group that this user can't write to, or that is none.
func TestGroupOfAnother(t *testing.T) {
	for dir, want := range map[string]string{
		cgroupMount(): "permission denied",
		t.TempDir():   "no such file or directory",
	} {
		if _, err := delegate(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := probe(t, "exit", "0")
	p, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	l := launch{plan: p, groups: &delegation{dir: "/absent"}, namespaces: allNamespaces}
	_, err = l.run(ctx)
	if stage, ok := err.(*StageError); !ok || stage.Stage != "limits" || !os.IsNotExist(stage.Err) {
		t.Errorf("got %v", err)
	}
	noProcessesOf(t, s)
}
