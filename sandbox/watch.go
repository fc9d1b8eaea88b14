package sandbox

import (
	"cmp"
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
	// case both are said to hold it. That does not last as long as this.
	looksOver   = 3
	betweenOver = 5 * time.Millisecond
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

	mu      sync.Mutex // guards what follows
	reached *LimitError
	err     error

	// Of the goroutine alone.
	over         int   // looks in a row that were over the memory limit
	sharedBefore int64 // shared memory of the host when the program began
	before       int64 // on the disk, likewise
	onDisk       int64 // more than that, at the last walk
	freeThen     int64 // at the last walk
	walked       time.Time
	walkTook     time.Duration
}

// limit makes ready what keeps the limits, before init makes the sandbox: notes what
// is on the disk already, and puts init into a group where there can be one.
func (l *launch) limit(init int, end func()) (_ *watch, err error) {
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
		if w.before, err = blocksBelow(w.dirs, w.stopped); err != nil {
			return nil, err
		}
		if w.freeThen, _, err = freeOf(w.scratch); err != nil {
			return nil, err
		}
		w.walked = time.Now()
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
	w.running.Go(func() {
		if err := w.run(init); err != nil {
			w.fail(fmt.Errorf("sandbox: limits: %w", err))
			w.end()
		}
	})
}

func (w *watch) stop() {
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
	switch limit, err := w.group.reached(); {
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

func (w *watch) run(init int) error {
	var ends <-chan time.Time
	if w.limits.Time > 0 {
		t := time.NewTimer(w.limits.Time)
		defer t.Stop()
		ends = t.C
	}
	v, err := openView(init, w.covered)
	if err != nil {
		// A short program may have ended by now: an init that is about to end shows
		// nothing any more, for which the kernel has several errors.
		select {
		case <-w.quit:
			return nil
		case <-time.After(ending):
			return err
		}
	}
	defer v.close()
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
		case <-ends:
			w.hit(TimeLimit, int64(w.limits.Time))
			return nil
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
	more, err := w.lookAtDisk(v)
	return max(0, min(longestWait, time.Duration(min(left, more)/fillRate))), err
}

const plenty = int64(1) << 60

func (w *watch) lookAtProcesses(v *view) (left int64, err error) {
	if w.group != nil {
		return plenty, w.lookAtGroup()
	}
	if w.limits.Memory == 0 && w.limits.Processes == 0 {
		return plenty, nil
	}
	tasks, resident, err := v.census()
	if err != nil {
		return 0, err
	}
	left = plenty
	if l := w.limits.Processes; l > 0 {
		if tasks > l {
			w.hit(ProcessesLimit, l)
			return 0, nil
		}
		left = (l - tasks) * forkRate
	}
	l := w.limits.Memory
	if l == 0 {
		return left, nil
	}
	used, err := w.mostUsed(v, resident)
	if err == nil && used > l {
		used, err = v.held()
	}
	if err != nil {
		return 0, err
	}
	if used <= l {
		w.over = 0
		return min(left, l-used), nil
	}
	if w.over++; w.over >= looksOver {
		w.hit(MemoryLimit, l)
	}
	return 0, nil
}

// mostUsed returns a bound of the memory that is used, at little cost: what others
// on this host share or have swapped out is in it.
func (w *watch) mostUsed(v *view, resident int64) (int64, error) {
	files, err := v.inTemporary()
	if err != nil {
		return 0, err
	}
	shared, swapped, err := hostMemory()
	// What grew since and is in no temporary file system may be memfds.
	return resident + max(files, shared-w.sharedBefore) + swapped, err
}

func (w *watch) lookAtDisk(v *view) (left int64, err error) {
	if w.limits.Free == 0 && w.limits.Inodes == 0 && w.limits.Disk == 0 {
		return plenty, nil
	}
	free, inodes, err := freeOf(w.scratch)
	if err != nil {
		return 0, err
	}
	left = plenty
	if l := w.limits.Inodes; l > 0 && inodes >= 0 {
		if inodes < l {
			w.hit(InodesLimit, l)
			return 0, nil
		}
		left = (inodes - l) * inodeTime * fillRate
	}
	if l := w.limits.Free; l > 0 {
		if free < l {
			w.hit(FreeLimit, l)
			return 0, nil
		}
		left = min(left, free-l)
	}
	l := w.limits.Disk
	if l == 0 {
		return left, nil
	}
	// A walk is due now and then, and when all that the disk has lost since the
	// last one would be too much.
	since := time.Since(w.walked)
	suspect := w.onDisk+max(0, w.freeThen-free) >= l
	if since < walkIdle*w.walkTook || since < walkEvery && !suspect {
		return left, nil
	}
	begun := time.Now()
	used, err := w.added(v)
	if err != nil {
		return 0, err
	}
	w.walked, w.walkTook, w.onDisk, w.freeThen = time.Now(), time.Since(begun), used, free
	if used > l {
		w.hit(DiskLimit, l)
		return 0, nil
	}
	return min(left, l-used), nil
}

// added returns what the program has added to the disk.
func (w *watch) added(v *view) (int64, error) {
	used, err := blocksBelow(w.dirs, w.stopped)
	return used - w.before + v.unlinked(), err
}

// last looks once more when the program has ended: it may have failed since it had
// filled what was left to it between two looks. Its temporary file systems are
// there for as long as the view is.
func (w *watch) last(v *view) error {
	if l := w.limits.Memory; l > 0 && w.group == nil {
		used, err := v.inTemporary()
		if err != nil {
			return err
		}
		if used >= l {
			w.hit(MemoryLimit, l)
		}
	}
	return nil
}

// threadTime is the time of a processor that this thread had.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // it can't fail
	return time.Duration(t.Nano())
}

// hostMemory returns the bytes of shared memory and of what is swapped out, of all
// of the host: sysinfo(2).
func hostMemory() (shared, swapped int64, err error) {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return 0, 0, fmt.Errorf("sysinfo: %w", err)
	}
	unit := int64(s.Unit)
	return int64(s.Sharedram) * unit, int64(s.Totalswap-s.Freeswap) * unit, nil
}
