package sandbox

import (
	"runtime"
	"time"
)

func (w *watch) lookAtDisk() (left int64, err error) {
	if w.limits.Free == 0 && w.limits.Inodes == 0 {
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
	return left, nil
}

// walk keeps the limit of the disk.
func (w *watch) walk(init int) error {
	v, err := w.view(init)
	if v == nil {
		return err
	}
	defer v.close()
	runtime.LockOSThread() // as in run
	defer runtime.UnlockOSThread()
	for wait := time.Duration(0); ; {
		select {
		case <-w.quit:
			return nil
		case <-time.After(wait):
		}
		left, err := w.lookAtDirs(v)
		if err != nil {
			return err
		}
		wait = min(max(time.Duration(left/fillRate), shortestWait), longestWait)
	}
}

// lookAtDirs walks when a walk is due: now and then, and when all that the disk has
// lost since the last one would be too much.
func (w *watch) lookAtDirs(v *view) (left int64, err error) {
	free, _, err := freeOf(w.scratch)
	if err != nil {
		return 0, err
	}
	l := w.limits.Disk
	left = l - w.onDisk - max(0, w.freeThen-free)
	since := time.Since(w.walked)
	if since < walkIdle*w.walkTook || since < walkEvery && left > 0 {
		return left, nil
	}
	begun := time.Now()
	used, err := w.added(v, free)
	if err != nil {
		return 0, err
	}
	w.walked, w.walkTook, w.onDisk, w.freeThen = time.Now(), time.Since(begun), used, free
	if used > l {
		w.hit(DiskLimit, l)
	}
	return l - used, nil
}

// added returns what the program has added to the disk. Where it has too many files
// open for them to be looked at, it counts for all that the disk has lost.
func (w *watch) added(v *view, free int64) (int64, error) {
	used, err := blocksBelow(w.dirs, w.stopped)
	open, whole := v.unlinked()
	used += open - w.before
	if !whole {
		used = max(used, w.freeBefore-free)
	}
	return used, err
}
