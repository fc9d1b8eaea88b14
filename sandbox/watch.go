package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How often the watch looks. It looks the oftener the less is left to a limit: at
// fillRate that would be gone in as long as it waits. Of a processor it takes a
// share of 1/idle at most, a walk through directories less.
const (
	longestWait  = 200 * time.Millisecond
	shortestWait = 10 * time.Millisecond
	fillRate     = 16      // bytes in a nanosecond: several times what is seen, for looks come late on a busy machine
	inodeTime    = 250     // nanoseconds to take one, likewise
	forkRate     = 1 << 20 // bytes for a process: 16 in a millisecond
	idle         = 20
	longestIdle  = time.Second
	walkEvery    = time.Second
	walkIdle     = 20
	ending       = 2 * time.Second

	// A program that is about to be started shares its parent's memory, in which
	// case both are said to hold it: for a moment, or for as long as vfork(2) takes
	// where one of two that look alike may be the other.
	looksOver   = 3
	betweenOver = 5 * time.Millisecond
	startTime   = 300 * time.Millisecond

	// What a look may cost, of a processor and by the clock: how much there is to be
	// looked at is up to the program. Beyond that a bound counts that is cheap.
	lookCost = 300 * time.Millisecond
	lookTime = time.Second
)

// watch ends a run that reaches a limit.
type watch struct {
	limits  Limits
	argv    []string
	scratch string
	dirs    []string        // what the disk limit is about
	covered map[string]bool // points of the sandbox where a bind is
	group   *group          // nil: the watch counts
	end     func()          // kills the sandbox

	quit    chan struct{}
	running sync.WaitGroup
	timer   *time.Timer

	mu      sync.Mutex // guards what follows
	reached *LimitError
	err     error

	// Of the goroutine alone.
	over         int       // looks in a row that were over the memory limit
	overSince    time.Time // the first of them
	sharedBefore int64     // shared memory of the host when the program began, or the least since

	// Of the goroutine that walks through directories.
	before     int64 // on the disk when the program began
	onDisk     int64 // more than that, at the last walk
	freeBefore int64
	freeThen   int64 // at the last walk
	walked     time.Time
	walkTook   time.Duration
}

// limit makes ready what keeps the limits, before init makes the sandbox: notes what
// is on the disk already, and puts init into a group where there can be one.
func (l *launch) limit(ctx context.Context, init int, end func()) (_ *watch, err error) {
	w := &watch{limits: l.limits, argv: l.argv, scratch: l.scratch, covered: map[string]bool{}, end: end, quit: make(chan struct{})}
	w.dirs = []string{filepath.Join(l.scratch, upperName)}
	if l.way == wayCopied {
		w.dirs[0] = filepath.Join(l.scratch, rootName)
	}
	for _, b := range l.binds {
		w.covered[b.Inside] = true
		if b.Writable {
			w.dirs = append(w.dirs, b.Host)
		}
	}
	if w.limits.Disk > 0 {
		if w.before, err = blocksBelow(w.dirs, func() bool { return ctx.Err() != nil }); err != nil {
			return nil, err
		}
		if w.freeThen, _, err = freeOf(w.scratch); err != nil {
			return nil, err
		}
		w.freeBefore, w.walked = w.freeThen, time.Now()
	}
	if l.groups == nil {
		return w, nil
	}
	if w.group, err = l.groups.newGroup(w.limits); err != nil {
		return nil, err
	}
	if err = w.group.add(init); err != nil {
		return nil, errors.Join(err, w.group.remove())
	}
	l.grouped = true
	return w, nil
}

// close is for when init has ended.
func (w *watch) close() {
	if w.group != nil {
		_ = w.group.remove() // an empty group costs next to nothing
	}
}

// hit notes that a limit was reached, the first one, and ends the run.
func (w *watch) hit(limit string, most int64) {
	w.mu.Lock()
	if w.reached == nil {
		w.reached = &LimitError{Argv: w.argv, Limit: limit, Max: most}
	}
	w.mu.Unlock()
	w.end()
}

// result returns what the watch ended the run for.
func (w *watch) result() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reached != nil {
		return w.reached
	}
	return w.err
}

// start watches the program, which init has started; stop is called before init is
// waited for, so that its number is no other process's.
func (w *watch) start(init int) {
	if w.limits == (Limits{Output: w.limits.Output}) {
		return
	}
	// Looks can take as long as the program makes them take: time passes without them.
	if w.limits.Time > 0 {
		w.timer = time.AfterFunc(w.limits.Time, func() { w.hit(TimeLimit, int64(w.limits.Time)) })
	}
	watch := func(run func(init int) error) {
		w.running.Go(func() {
			if err := run(init); err != nil {
				w.fail(fmt.Errorf("sandbox: limits: %w", err))
				w.end()
			}
		})
	}
	watch(w.run)
	if w.limits.Disk > 0 {
		watch(w.walk)
	}
}

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	close(w.quit)
	w.running.Wait()
	// The kernel may have ended all.
	if err := w.lookAtGroup(); err != nil {
		w.fail(fmt.Errorf("sandbox: limits: %w", err))
	}
}

func (w *watch) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = cmp.Or(w.err, err)
}

func (w *watch) lookAtGroup() error {
	if w.group == nil {
		return nil
	}
	switch limit, err := w.group.reached(w.limits); {
	case err != nil:
		return err
	case limit == MemoryLimit:
		w.hit(limit, w.limits.Memory)
	case limit == ProcessesLimit:
		w.hit(limit, w.limits.Processes)
	}
	return nil
}

func (w *watch) stopped() bool {
	select {
	case <-w.quit:
		return true
	default:
		return false
	}
}

// counts tells whether processes are looked at one by one.
func (w *watch) counts() bool {
	return w.group == nil && (w.limits.Memory > 0 || w.limits.Processes > 0)
}

// view looks into the sandbox; nil where the program has ended.
func (w *watch) view(init int) (*view, error) {
	v, err := openView(init, w.covered)
	if err == nil {
		return v, nil
	}
	// A short program may have ended by now: an init that is about to end shows
	// nothing any more, for which the kernel has several errors.
	select {
	case <-w.quit:
		return nil, nil
	case <-time.After(ending):
		return nil, err
	}
}

func (w *watch) run(init int) (err error) {
	var v *view
	if w.counts() {
		if v, err = w.view(init); v == nil {
			return err
		}
		defer v.close()
	}
	runtime.LockOSThread() // for the clock of this thread
	defer runtime.UnlockOSThread()
	if w.sharedBefore, _, err = hostMemory(); err != nil {
		return err
	}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-w.quit:
			return w.last(v)
		case <-next.C:
		}
		begun := threadTime()
		wait, err := w.look(v)
		if err != nil {
			return err
		}
		if w.over == 0 {
			wait = max(wait, shortestWait, min(idle*(threadTime()-begun), longestIdle))
		}
		next.Reset(max(wait, betweenOver))
	}
}

// look compares what is used with the limits, and returns how long it may take
// until one is reached.
func (w *watch) look(v *view) (wait time.Duration, err error) {
	left, err := w.lookAtProcesses(v)
	if err != nil {
		return 0, err
	}
	more, err := w.lookAtDisk()
	return max(0, min(longestWait, time.Duration(min(left, more)/fillRate))), err
}

const plenty = int64(1) << 60

// threadTime is the time of a processor that this thread had.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // it can't fail
	return time.Duration(t.Nano())
}
