package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// taskSize is about what the kernel takes for a process or thread itself.
const taskSize = 32 << 10

// census counts processes and threads, and adds up what is resident of each
// process. What several have is counted several times there, and cached files
// are counted too: an upper bound, which is cheap.
func (v *view) census() (tasks, resident int64, err error) {
	page := int64(os.Getpagesize())
	err = v.each(func(pid string) bool {
		n := v.threads(pid)
		tasks += n
		pages, there := v.statm(pid)
		if !there && n > 1 {
			_, pages = v.survivor(pid)
		}
		resident += pages * page
		return true
	})
	return tasks, resident + tasks*taskSize, err
}

// threads counts those of a process.
func (v *view) threads(pid string) int64 {
	var st unix.Stat_t
	if unix.Fstatat(v.proc, pid+"/task", &st, 0) != nil {
		return 0
	}
	return int64(st.Nlink) - 2 // a directory for each thread
}

// statm returns how many pages are resident, and whether there is memory at all: a
// process whose first thread has ended shows none.
func (v *view) statm(name string) (resident int64, there bool) {
	f := bytes.Fields(v.read(name + "/statm"))
	if len(f) < 2 || string(f[0]) == "0" {
		return 0, false
	}
	n, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return n, true
}

// survivor returns the directory of a thread that shows the memory of its process, of
// which the first thread has ended: proc(5) looks at one thread. "": there is none.
func (v *view) survivor(pid string) (dir string, resident int64) {
	for _, tid := range v.tasks(pid) {
		name := pid + "/task/" + tid
		if n, there := v.statm(name); there {
			return name, n
		}
	}
	return "", 0
}

// tasks lists the threads of a process.
func (v *view) tasks(pid string) []string {
	fd, err := unix.Openat(v.proc, pid+"/task", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	names, _ := v.list(fd) // those that are gone are gone
	return names
}

// inTemporary returns the bytes in the temporary file systems. An empty file costs
// the kernel something too.
func (v *view) inTemporary() (used int64, err error) {
	const inode = 1 << 10
	for _, fd := range v.temporary {
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err != nil {
			return 0, err
		}
		used += int64(st.Blocks-st.Bfree)*st.Bsize + int64(st.Files-st.Ffree)*inode
	}
	return used, nil
}

// held returns the bytes that the processes hold, each page once: proc(5),
// smaps_rollup. It costs the time of a walk through their page tables, and ends as
// soon as there is more than most. Added to that is what the kernel takes for
// them. In twice are bytes that two processes may have together, of which one
// starts a program. It is not whole where the look cost too much.
//
// Files are the bytes in temporary file systems, grown those by which the shared
// memory of the host did.
func (v *view) held(most, kernel, files, grown int64) (used, twice int64, whole bool, err error) {
	private, shared := kernel, int64(0)
	alike := map[string]int64{} // the most that one with these addresses holds
	b := newBudget()
	err = v.each(func(pid string) bool {
		text := v.read(pid + "/smaps_rollup")
		if len(text) == 0 && v.threads(pid) > 1 {
			if dir, _ := v.survivor(pid); dir != "" {
				text = v.read(dir + "/smaps_rollup")
			}
		}
		var own int64
		for line := range bytes.Lines(text) {
			f := bytes.Fields(line)
			if len(f) < 2 {
				continue
			}
			n, _ := strconv.ParseInt(string(f[1]), 10, 64)
			switch string(f[0]) {
			case "Pss_Anon:", "SwapPss:":
				own += n << 10
			case "Pss_Shmem:":
				shared += n << 10
			}
		}
		private += own
		addresses, _, _ := bytes.Cut(text, []byte(" "))
		before := alike[string(addresses)]
		twice += min(before, own)
		alike[string(addresses)] = max(before, own)
		return private-twice <= most && !b.spent()
	})
	// A mapped file of a tmpfs or memfd stands on both sides.
	used = private + max(shared, files)
	if err == nil && used <= most && grown > files && !b.spent() {
		memfds, known := v.inMemfds(b)
		found := max(shared, files+memfds)
		used = private + found
		// Pages that were written and that no process has in its tables any more: as
		// many as the host has more of, where there is a mapping for as much.
		if used <= most && grown > found && !b.spent() {
			used += max(0, min(grown-found, v.mapped(b, known)-shared))
		}
	}
	return used, twice, !b.spent(), err
}

// mapped returns the bytes of shared memory that mappings can reach, of files that are
// none of those known: that of MAP_ANONYMOUS and of System V.
func (v *view) mapped(b *budget, known map[file]bool) (size int64) {
	ends := map[uint64]int64{} // by inode: the most that any process reaches
	device := []byte(fmt.Sprintf("%02x:%02x", unix.Major(v.memory), unix.Minor(v.memory)))
	_ = v.each(func(pid string) bool {
		dir := pid
		if _, there := v.statm(pid); !there && v.threads(pid) > 1 {
			dir, _ = v.survivor(pid)
		}
		for line := range bytes.Lines(v.readAll(dir+"/maps", b)) {
			f := bytes.Fields(line) // 7f00-7f10 rw-s 00000000 00:01 1045 /dev/zero (deleted)
			if len(f) < 5 || !bytes.Equal(f[3], device) || f[1][len(f[1])-1] != 's' {
				continue
			}
			first, last, _ := strings.Cut(string(f[0]), "-")
			from, _ := strconv.ParseUint(first, 16, 64)
			to, _ := strconv.ParseUint(last, 16, 64)
			offset, _ := strconv.ParseInt(string(f[2]), 16, 64)
			inode, _ := strconv.ParseUint(string(f[4]), 10, 64)
			if !known[file{v.memory, inode}] {
				ends[inode] = max(ends[inode], offset+int64(to-from))
			}
		}
		return !b.spent()
	})
	for _, n := range ends {
		size += n
	}
	return size
}

// readAll is read of a file of any length, as far as the budget reaches.
func (v *view) readAll(name string, b *budget) (text []byte) {
	fd, err := unix.Openat(v.proc, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	for !b.spent() {
		n, err := unix.Read(fd, v.buf)
		if err != nil || n == 0 {
			break
		}
		text = append(text, v.buf[:n]...)
	}
	return text
}
