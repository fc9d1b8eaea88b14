package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// initName is the whole command line of init, for every process inside can
// read it.
const initName = "pbuild-init"

// Descriptors that init is started with, above the standard streams.
const (
	reportFD = 3
	planFD   = 4
)

// IsInit reports whether this process was started by Run to be the first
// process of a sandbox. It costs two comparisons, and a system call in init
// itself.
func IsInit() bool {
	return len(os.Args) == 1 && os.Args[0] == initName && os.Getpid() == 1
}

// Init makes the sandbox around this process, runs its program and ends with
// it; it never returns. It belongs into the first lines of main, and of the
// TestMain of each package that runs sandboxes:
//
//	if sandbox.IsInit() {
//		sandbox.Init()
//	}
func Init() {
	// Capabilities, no_new_privs and the filter belong to a thread; the program
	// is forked from this one.
	runtime.LockOSThread()
	unix.CloseOnExec(reportFD) // the program must not write its own report
	c := cell{scratchFD: -1}
	if err := c.readPlan(); err != nil {
		report(failLine("plan", err))
		syscall.Exit(1)
	}
	var done strings.Builder // one write: each one wakes the caller up
	for _, s := range c.stages() {
		if slices.Contains(c.omit, s.name) {
			continue
		}
		if err := s.make(); err != nil {
			report(done.String() + failLine(s.name, err))
			syscall.Exit(1)
		}
		done.WriteString(doneLine(s.name))
	}
	report(done.String())
	if c.stop {
		awaitEnd()
		syscall.Exit(0)
	}
	report(endLine(c.reap()))
	syscall.Exit(0)
}

// cell is the sandbox as init makes it.
type cell struct {
	plan
	scratchFD int   // the scratch directory, by which its parts are reached
	layers    []int // the lower directories, bottom first
	trees     []int // a detached mount for each bind
	pid       int   // the program
}

const (
	lastStage    = "undumpable" // of those that make the sandbox
	programStage = "program"    // the program runs
)

type step struct {
	name string
	make func() error
}

// stages are in the only order that works: descriptors of the host go first;
// what needs the host's paths comes before the new root; what needs
// capabilities before they are dropped; and the filter, which refuses most of
// all this, last but for the calls that it allows.
func (c *cell) stages() []step {
	s := []step{
		{"descriptors", closeOthers},
		{"control group", c.rootGroup},
		{"private mounts", privateMounts},
		{"layers", c.openLayers},
	}
	switch c.way {
	case wayCopy:
		return append(s, step{"copy", c.copyLayers})
	case waySeparate:
		return append(s, step{"changes", c.separateChanges})
	case wayCopied:
		s = append(s, step{"copied root", c.mountCopy})
	default:
		s = append(s, step{"overlay", c.mountOverlay})
	}
	s = append(s, []step{
		{"mount points", c.checkPoints},
		{"dev", mountDev},
		{"devpts", mountDevpts},
		{"tmp", c.mountTemporary},
		{"sys", mountSys},
		{"proc", mountProc},
		{"shared memory", c.boundSharedMemory},
		{"read-only proc", protectProc},
		{"masks", maskProc},
		{"binds", c.mountBinds},
		{"root", enterRoot},
		{"streams", c.openStreams},
		{"host name", setHostName},
		{"loopback", raiseLoopback},
		{"limits", c.setLimits},
		{"capabilities", dropCapabilities},
		{"no new privileges", setNoNewPrivileges},
		{"filter", installFilter},
		{lastStage, setUndumpable},
	}...)
	if c.stop {
		return s
	}
	return append(s, step{"directory", c.enterDirectory}, step{programStage, c.start})
}

func (c *cell) readPlan() (err error) {
	var raw []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(planFD, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		raw = append(raw, buf[:n]...)
	}
	c.plan, err = decodePlan(raw)
	return err
}

// report tells the caller. A caller that is gone can't be told, and has taken
// init with it by then.
func report(lines string) {
	for b := []byte(lines); len(b) > 0; {
		n, err := unix.Write(reportFD, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		b = b[max(n, 0):]
	}
}

// awaitEnd reads the input to its end.
func awaitEnd() {
	for {
		n, err := unix.Read(0, make([]byte, 1))
		if n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// closeOthers closes what init inherited beyond the standard streams and the
// report: descriptors that the caller got from its own parent without
// close-on-exec, and the plan. The runtime's own, which a package's
// initialisation may have opened by now, stay: they lead to no file, and the
// program does not get them.
func closeOthers() error {
	own, err := runtimeDescriptors()
	if err != nil {
		return err
	}
	first := uint(planFD)
	for _, fd := range own {
		if fd > first {
			if err := unix.CloseRange(first, fd-1, 0); err != nil {
				return err
			}
		}
		unix.CloseOnExec(int(fd))
		first = fd + 1
	}
	return unix.CloseRange(first, ^uint(0)>>1, 0)
}

// runtimeDescriptors returns the descriptors of Go's network poller, ascending.
func runtimeDescriptors() ([]uint, error) {
	const list = "/proc/self/fd"
	dir, err := unix.Open(list, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	defer unix.Close(dir)
	var own []uint
	buf := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(dir, buf)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		if n == 0 {
			slices.Sort(own)
			return own, nil
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			fd, err := strconv.ParseUint(name, 10, 31)
			if err != nil || fd < planFD {
				continue
			}
			var to [32]byte
			n, err := unix.Readlinkat(dir, name, to[:])
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", list, name, err)
			}
			switch string(to[:n]) {
			case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
				own = append(own, uint(fd))
			}
		}
	}
}
