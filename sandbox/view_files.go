package sandbox

import (
	"time"

	"golang.org/x/sys/unix"
)

// inMemfds returns the bytes of files without a name that lie in memory, and all files
// that have none.
func (v *view) inMemfds(b *budget) (used int64, all map[file]bool) {
	all = v.unnamed(b, func(st *unix.Stat_t) {
		if st.Dev == v.memory {
			used += st.Blocks * 512
		}
	})
	return used, all
}

// unlinked returns the bytes of files on a disk that were removed and are still
// open, and whether all were looked at. A process can close its list of files to its
// user, as with PR_SET_DUMPABLE: then Limits.Free is what holds.
func (v *view) unlinked() (used int64, whole bool) {
	var own []uint64
	for _, fd := range v.temporary {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			own = append(own, st.Dev)
		}
	}
	b := newBudget()
	v.unnamed(b, func(st *unix.Stat_t) {
		for _, dev := range append(own, v.memory) {
			if st.Dev == dev {
				return
			}
		}
		used += st.Blocks * 512
	})
	return used, !b.spent()
}

type file struct{ dev, ino uint64 }

// unnamed calls f once with each open regular file that no directory names, and returns
// them all. Each thread can have files of its own.
func (v *view) unnamed(b *budget, f func(*unix.Stat_t)) map[file]bool {
	seen := map[file]bool{}
	_ = v.each(func(pid string) bool {
		for _, tid := range v.tasks(pid) {
			if !v.unnamedOf(pid+"/task/"+tid+"/fd", b, seen, f) {
				return false
			}
		}
		return true
	})
	return seen
}

// unnamedOf looks at one list of descriptors, and returns false when the budget is spent.
func (v *view) unnamedOf(name string, b *budget, seen map[file]bool, f func(*unix.Stat_t)) bool {
	dir, err := unix.Openat(v.proc, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return !b.spent()
	}
	defer unix.Close(dir)
	for {
		n, err := unix.ReadDirent(dir, v.buf)
		if err != nil || n == 0 || b.spent() {
			return !b.spent()
		}
		_, _, names := unix.ParseDirent(v.buf[:n], -1, nil)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(dir, name, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 0 {
				continue
			}
			if key := (file{st.Dev, st.Ino}); !seen[key] {
				seen[key] = true
				f(&st)
			}
		}
	}
}

// budget is what one look may cost.
type budget struct {
	began time.Time
	cost  time.Duration // of this thread, when it began
	gone  bool
}

func newBudget() *budget { return &budget{began: time.Now(), cost: threadTime()} }

// spent reports whether it is used up, from then on always.
func (b *budget) spent() bool {
	b.gone = b.gone || threadTime()-b.cost > lookCost || time.Since(b.began) > lookTime
	return b.gone
}
