package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// way is how the root file system is made of the layers.
type way byte

const (
	wayOverlay  way = iota // overlayfs over them
	wayCopy                // no program: they are copied
	wayCopied              // the copy
	waySeparate            // no program: what was changed is moved out of the copy
)

// noOverlayError says why there can be no overlay, although a sandbox.
type noOverlayError struct{ Err error }

func (e *noOverlayError) Error() string { return e.Err.Error() }

func (e *noOverlayError) Unwrap() error { return e.Err }

// overlayRefused returns why an overlay was refused, nil where that is not what err
// says. Other errors of the mount, such as a want of memory, are failures.
func overlayRefused(err error) error {
	if no := (*noOverlayError)(nil); errors.As(err, &no) {
		return no.Err
	}
	stage := (*StageError)(nil)
	if !errors.As(err, &stage) || stage.Stage != "overlay" {
		return nil
	}
	for _, no := range []unix.Errno{
		unix.EINVAL, // scratch is on overlayfs itself, or on a file system that others can change
		unix.EPERM,  // a security module
		unix.EACCES,
		unix.ENODEV, // no such file system in this kernel
		unix.EOPNOTSUPP,
	} {
		if errors.Is(stage.Err, no) {
			return stage.Err
		}
	}
	return nil
}

// anyWay is run, with an overlay where the kernel mounts one, else with a copy.
func (l *launch) anyWay(ctx context.Context) (outcome, error) {
	first := *l
	if l.stdin != nil || l.person != nil {
		// The refused run would have read some of the input.
		first = launch{plan: l.plan, namespaces: l.namespaces}
		first.null, first.terminal, first.stop = [3]bool{true, true, true}, false, true
	}
	rep, err := first.run(ctx)
	if why := overlayRefused(err); why != nil {
		if l.copying != nil {
			l.copying(why)
		}
		return l.runCopied(ctx)
	}
	if err == nil && first.stop && !l.stop {
		return l.run(ctx)
	}
	return rep, err
}

// runCopied is run in a copy of the layers.
func (l *launch) runCopied(ctx context.Context) (rep outcome, err error) {
	c := newClock()
	if err := l.aside(ctx, wayCopy, nil); err != nil {
		return outcome{}, err
	}
	if err := c.check("copied"); err != nil {
		return outcome{}, stageError("copy", err)
	}
	watch, err := watchCopy(filepath.Join(l.scratch, rootName))
	if err != nil {
		return outcome{}, stageError("copy", err)
	}
	in := *l
	in.way = wayCopied
	rep, err = in.run(ctx)
	touched, lost := watch.end()
	if lost == nil {
		lost = c.check("in use")
	}
	if lost != nil {
		if ctx.Err() != nil {
			return rep, err
		}
		return outcome{}, errors.Join(err, stageError("changes", lost))
	}
	// Upper has what earlier runs left in it, also where this one was cancelled.
	ends, cancel := ctx, func() {}
	if ctx.Err() != nil {
		ends, cancel = context.WithTimeout(context.WithoutCancel(ctx), longestSeparation)
	}
	defer cancel()
	if notMoved := l.aside(ends, waySeparate, touched); notMoved != nil {
		return outcome{}, errors.Join(err, notMoved)
	}
	return rep, err
}

// longestSeparation is how long a run that was cancelled can last.
const longestSeparation = 30 * time.Second

// clock notices that the host's clock is set back while layers are copied or the copy is
// in use: change times tell nothing then. Forward, they stay in order.
type clock struct{ ahead time.Duration }

func newClock() *clock { return &clock{clockAhead()} }

func (c *clock) check(while string) error {
	const tick = 10 * time.Millisecond // of the coarse clock of file systems
	now := clockAhead()
	if now < c.ahead-tick {
		return fmt.Errorf("the host's clock was set back by %v while layers were %s", (c.ahead - now).Round(time.Millisecond), while)
	}
	c.ahead = now
	return nil
}

// clockAhead returns how far the clock that can be set is ahead of the one that can't,
// which goes on while the host sleeps. Of several looks the one that took least counts.
func clockAhead() (ahead time.Duration) {
	read := func(id int32) time.Duration {
		var t unix.Timespec
		_ = unix.ClockGettime(id, &t) // it can't fail
		return time.Duration(t.Nano())
	}
	least := time.Duration(math.MaxInt64)
	for range 5 {
		before := read(unix.CLOCK_BOOTTIME)
		set := read(unix.CLOCK_REALTIME)
		if took := read(unix.CLOCK_BOOTTIME) - before; took < least {
			least, ahead = took, set-before
		}
	}
	return ahead
}

// aside does what is to be done for a run, without its program: in namespaces of its
// own, for layers may hold files that their owner can't read.
func (l *launch) aside(ctx context.Context, w way, touched []string) error {
	job := launch{
		plan:       plan{lower: l.lower, scratch: l.scratch, binds: l.binds, null: [3]bool{true, true, true}, way: w, touched: touched, stop: true},
		namespaces: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
	}
	if w == wayCopy {
		// The way back makes nothing, and has to come to its end.
		job.argv = l.argv
		job.limits = Limits{Free: l.limits.Free, Inodes: l.limits.Inodes, Time: l.limits.Time}
	}
	_, err := job.run(ctx)
	return err
}

// mountCopy mounts the copy where an overlay would be, and goes there.
func (c *cell) mountCopy() error {
	tree, err := openTree(Bind{Host: path.Join(c.scratch, rootName), Writable: true})
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	root := path.Join(c.scratch, workName)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, root, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	for _, fd := range append(c.layers, c.scratchFD) {
		unix.Close(fd)
	}
	return nil
}
