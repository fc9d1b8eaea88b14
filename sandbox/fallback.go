package sandbox

import (
	"context"
	"errors"
	"path"
	"path/filepath"

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
	if err := l.aside(ctx, wayCopy, nil); err != nil {
		return outcome{}, err
	}
	watch, err := watchCopy(filepath.Join(l.scratch, rootName))
	if err != nil {
		return outcome{}, stageError("copy", err)
	}
	in := *l
	in.way = wayCopied
	rep, err = in.run(ctx)
	touched, lost := watch.end()
	if ctx.Err() != nil {
		return rep, err
	}
	if lost != nil {
		return outcome{}, errors.Join(err, stageError("changes", lost))
	}
	if notMoved := l.aside(ctx, waySeparate, touched); notMoved != nil {
		return outcome{}, errors.Join(err, notMoved)
	}
	return rep, err
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
