package sandbox

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits bound what a program may take, with all that it starts; 0 is no limit.
// When one is reached everything in the sandbox is killed and Run returns a
// *LimitError.
//
// Memory is what the processes hold for themselves and share among them, and
// what lies in /tmp, /run and /dev/shm; files of a disk that are cached are not.
// Disk counts blocks, so that a hole in a file costs nothing, and finds files
// that were removed and are still open. A program that hides some, in a directory
// that it lets nobody list, meets Free. Free, Inodes and Time hold for a copy of the
// layers too, Time for itself. See Means for who counts.
type Limits struct {
	Memory    int64         // bytes at once
	Processes int64         // processes and threads at once
	Disk      int64         // bytes that are added to the upper directory and to writable binds
	Free      int64         // bytes that stay free on the file system of Scratch
	Inodes    int64         // inodes that stay free there, where it counts them
	Output    int64         // bytes that go to the streams of the Spec; no more are written there
	Time      time.Duration // from the start of the program, by the clock on the wall
}

// Names of limits, as a LimitError has them.
const (
	MemoryLimit    = "memory"
	ProcessesLimit = "processes"
	DiskLimit      = "disk"
	FreeLimit      = "free space"
	InodesLimit    = "free inodes"
	OutputLimit    = "output"
	TimeLimit      = "time"
)

// LimitError says that the program reached a limit of its Spec, and was killed
// with all that it had started.
type LimitError struct {
	Argv  []string
	Limit string // e.g. MemoryLimit
	Max   int64  // what the Spec allows: bytes, a number, or of TimeLimit nanoseconds
}

// Error returns e.g. «memory: limit 512 MiB reached: make all».
func (e *LimitError) Error() string {
	command := strings.Join(e.Argv, " ")
	if e.Limit == FreeLimit || e.Limit == InodesLimit {
		return fmt.Sprintf("%s: less than %s left on the disk: %s", e.Limit, e.allowed(), command)
	}
	return fmt.Sprintf("%s: limit %s reached: %s", e.Limit, e.allowed(), command)
}

func (e *LimitError) allowed() string {
	switch e.Limit {
	case ProcessesLimit, InodesLimit:
		return fmt.Sprint(e.Max)
	case TimeLimit:
		return timeText(time.Duration(e.Max))
	}
	return sizeText(e.Max)
}

// Means says by which means limits are kept on this host: MeansGroup or MeansWatch.
// It is the same for memory and processes; the other limits are always watched.
//
// A cgroup counts all, the kernel's own memory included, and the kernel keeps the
// limit. Where there is none, the caller looks at the processes again and again:
// what no process holds is not seen then, such as buffers of sockets, pages that were
// spliced into pipes, and shared memory of which a process keeps a small part mapped
// alone; and a limit is passed for some hundredths of a second, by processes that look
// like one that starts another for three tenths, by many descriptors for some
// seconds. What a look can't get done counts as its cheapest bound, in which is what others on the
// host share and have swapped out. Limits of the kernel stop what is faster than
// anyone looks, or not seen: of processes a little higher, of shared memory of
// System V that is not attached as much again, and of its semaphores and queues about
// 200 MiB; older kernels let only the host's root set the latter two.
func Means() string {
	if delegated() != nil {
		return MeansGroup
	}
	return MeansWatch
}

const (
	MeansGroup = "cgroup"
	MeansWatch = "watched"
)

// String returns one line for people, e.g. «memory 6 GiB (watched), processes
// 4096 (watched), time 4h»; without any limit «none».
func (l Limits) String() string {
	var all []string
	if l.Memory > 0 {
		all = append(all, fmt.Sprintf("memory %s (%s)", sizeText(l.Memory), Means()))
	}
	if l.Processes > 0 {
		all = append(all, fmt.Sprintf("processes %d (%s)", l.Processes, Means()))
	}
	if l.Disk > 0 {
		all = append(all, "disk "+sizeText(l.Disk))
	}
	if l.Output > 0 {
		all = append(all, "output "+sizeText(l.Output))
	}
	if l.Time > 0 {
		all = append(all, "time "+timeText(l.Time))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// groups returns where a group for these limits can be made; nil where none can or
// none is wanted.
func (l Limits) groups() *delegation {
	if l.Memory == 0 && l.Processes == 0 {
		return nil
	}
	return delegated()
}

func (l Limits) check() error {
	for _, n := range []int64{l.Memory, l.Processes, l.Disk, l.Free, l.Inodes, l.Output, int64(l.Time)} {
		if n < 0 {
			return fmt.Errorf("limits: %d is negative", n)
		}
	}
	return nil
}

// sizeText writes bytes in binary units: "512 MiB", "1.5 GiB".
func sizeText(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		switch {
		case n < u.size:
		case n%u.size == 0:
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		default:
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// timeText writes a duration without the zeros at its end: "2h", "1m30s".
func timeText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// processCeiling is the limit that the kernel itself keeps, above which fork(2)
// fails. It stands as far above the one that is watched as processes can be made
// between two looks: a program that meets it only hears that a resource is
// unavailable for a moment, ends, and nobody knows why. 0: none, as before Linux
// 5.14, where all processes of the user on this host count.
func processCeiling(most int64) uint64 {
	if most == 0 || !countsInNamespace() {
		return 0
	}
	return uint64(most) + 4096
}

var countsInNamespace = sync.OnceValue(func() bool {
	var u unix.Utsname
	var major, minor int
	if unix.Uname(&u) != nil {
		return false
	}
	n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	return n == 2 && (major > 5 || major == 5 && minor >= 14)
})
