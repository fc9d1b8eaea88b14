package sandbox

import (
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"
)

// ABI is in every key. It is raised whenever the mounts, the answers of the
// fake root or the normalised surroundings (umask, resource limits, host name)
// change in a way that a build can see. The Limits of a Spec are not among them:
// what shows of these was never the same everywhere.
const ABI = 1

// Bind puts a file or a directory of the host, with all that is mounted below
// it, at an absolute path inside. It is read-only with everything below it
// unless Writable; set-user-id bits and devices have no effect in it.
type Bind struct {
	Host     string // e.g. /home/ann/.cache/pbuild/tmp/x/out
	Inside   string // e.g. /build/out; not /, nor in /dev, /proc or /sys, nor through a symbolic link
	Writable bool
}

// Spec says what to run and what it sees. Only what is named here is reachable.
type Spec struct {
	Lower   []string  // host directories, bottom first: never written; owned by the caller
	Scratch string    // existing private (0700) host directory; see Run
	Binds   []Bind    // applied in order, over the layers
	Argv    []string  // Argv[0] without a slash is looked up in the PATH of Env, inside
	Env     []string  // NAME=value, complete: nothing is inherited
	Dir     string    // working directory inside; empty means /
	Stdin   io.Reader // nil means /dev/null; its Read must return for its goroutine to end
	Stdout  io.Writer // nil means /dev/null; the same writer as Stderr keeps the order
	Stderr  io.Writer

	Terminal *Terminal // in place of the three streams, which are nil then

	Limits Limits

	// Copying is told why the layers are about to be copied, where the kernel
	// refuses an overlay; see Run. nil: nobody is told.
	Copying func(why error)
}

// plan makes of a Spec what init is told, or says what is wrong with it.
func (s Spec) plan() (plan, error) {
	p := plan{argv: s.Argv, env: s.Env, dir: s.Dir}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return p, fmt.Errorf("no program is named")
	}
	if len(s.Lower) == 0 {
		return p, fmt.Errorf("no layer is named")
	}
	if p.dir == "" {
		p.dir = "/"
	}
	if !path.IsAbs(p.dir) {
		return p, fmt.Errorf("working directory %q: not absolute", s.Dir)
	}
	for _, e := range s.Env {
		if i := strings.IndexByte(e, '='); i <= 0 {
			return p, fmt.Errorf("environment %q: not NAME=value", e)
		}
	}
	var err error
	if p.scratch, err = hostPath(s.Scratch); err != nil {
		return p, err
	}
	for _, dir := range s.Lower {
		abs, err := hostPath(dir)
		if err != nil {
			return p, err
		}
		p.lower = append(p.lower, abs)
	}
	for _, b := range s.Binds {
		if b.Host, err = hostPath(b.Host); err != nil {
			return p, err
		}
		if err := checkInside(b.Inside); err != nil {
			return p, err
		}
		p.binds = append(p.binds, b)
	}
	p.null = [3]bool{s.Stdin == nil, s.Stdout == nil, s.Stderr == nil}
	if s.Terminal != nil {
		if p.null != [3]bool{true, true, true} {
			return p, fmt.Errorf("a terminal and another stream are named")
		}
		p.null, p.terminal = [3]bool{}, true
	}
	if err := s.Limits.check(); err != nil {
		return p, err
	}
	p.temporary, p.processes = uint64(s.Limits.Memory), processCeiling(s.Limits.Processes)
	return p, p.checkStrings()
}

func hostPath(p string) (string, error) {
	if p == "" {
		return "", fmt.Errorf("a host path is empty")
	}
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", fmt.Errorf("%q: %w", p, err)
	}
	return abs, nil
}

// checkInside refuses the places that init itself fills: a bind there could
// bring back what a mask takes away.
func checkInside(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" {
		return fmt.Errorf("bind %q: want a clean absolute path below /", p)
	}
	switch first, _, _ := strings.Cut(p[1:], "/"); first {
	case "dev", "proc", "sys":
		return fmt.Errorf("bind %q: /%s is made by the sandbox", p, first)
	}
	return nil
}
