package sandbox

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func (w *watch) lookAtProcesses(v *view) (left int64, err error) {
	if !w.counts() {
		return plenty, w.lookAtGroup()
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
	used, files, grown, err := w.mostUsed(v, resident)
	if err != nil {
		return 0, err
	}
	lasts := time.Duration(0)
	if used > l {
		held, twice, whole, err := v.held(l, tasks*taskSize, files, grown)
		if err != nil {
			return 0, err
		}
		if whole || held > l {
			used = held
		}
		if used-twice <= l {
			lasts = startTime
		}
	}
	if used <= l {
		w.over = 0
		return min(left, l-used), nil
	}
	if w.over++; w.over == 1 {
		w.overSince = time.Now()
	}
	if w.over >= looksOver && time.Since(w.overSince) >= lasts {
		w.hit(MemoryLimit, l)
	}
	return 0, nil
}

// mostUsed returns a bound of the memory that is used, at little cost: what others
// on this host share or have swapped out is in it. With it go what is in temporary
// file systems, and by how much the host's shared memory grew: what is more than
// these may be memfds.
func (w *watch) mostUsed(v *view, resident int64) (used, files, grown int64, err error) {
	if files, err = v.inTemporary(); err != nil {
		return 0, 0, 0, err
	}
	shared, swapped, err := hostMemory()
	w.sharedBefore = min(w.sharedBefore, shared) // what others gave back hides nothing
	grown = shared - w.sharedBefore
	return resident + max(files, grown) + swapped, files, grown, err
}

// last looks once more when the program has ended: it may have failed since it had
// filled what was left to it between two looks. Its temporary file systems are
// there for as long as the view is.
func (w *watch) last(v *view) error {
	if l := w.limits.Memory; l > 0 && v != nil {
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
