package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// masked are files and directories of /proc that tell about the host, or act
// on it. A file reads as /dev/null, a directory as empty. Those that only the
// host's root may open (kmsg, slabinfo and so on) are closed to the mapped uid
// anyway; kcore is named all the same.
func masked() (files, dirs []string) {
	return []string{
		"cmdline", "config.gz", "diskstats", "interrupts", "kallsyms", "kcore", "key-users", "keys",
		"latency_stats", "locks", "mdstat", "modules", "partitions", "sched_debug", "schedstat",
		"softirqs", "swaps", "sysrq-trigger", "timer_list", "timer_stats",
	}, []string{"acpi", "asound", "bus", "driver", "fs", "irq", "scsi"}
}

// mountProc needs the host's own /proc, still to be seen in full: the kernel
// refuses a new one where parts of the old are covered.
func mountProc() error {
	return unix.Mount("proc", "proc", "proc", quiet, "")
}

// boundSharedMemory lets all shared memory of System V, which needs no process to
// hold it, together be no more than the limit of memory; and leaves room for some
// dozens of MiB in semaphores and queues, which are the kernel's own memory. Older
// kernels let only the host's root say that.
func (c *cell) boundSharedMemory() error {
	if c.temporary == 0 {
		return nil
	}
	for _, setting := range []struct{ name, value string }{
		{"shmall", strconv.FormatUint(c.temporary/uint64(os.Getpagesize()), 10)},
		{"sem", "32000 32000 500 32000"}, // the second: of all sets together
		{"msgmni", "128"},
	} {
		err := os.WriteFile("proc/sys/kernel/"+setting.name, []byte(setting.value), 0)
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT) {
			continue // ENOENT: the kernel has no System V
		}
		if err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return nil
}

// protectProc keeps /proc/sys from being written: what belongs to the network
// or the user namespace there is owned by the mapped uid.
func protectProc() error {
	tree, err := unix.OpenTree(unix.AT_FDCWD, "proc/sys", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return fmt.Errorf("/proc/sys: %w", err)
	}
	defer unix.Close(tree)
	if err := setAttributes(tree, unix.MOUNT_ATTR_RDONLY); err != nil {
		return fmt.Errorf("/proc/sys: %w", err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, "proc/sys", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("/proc/sys: %w", err)
	}
	return nil
}

// maskProc covers files with the /dev/null that was checked to be one, never with a
// file of an image, and directories with /sys, which is empty: a file system less
// for each.
func maskProc() error {
	files, dirs := masked()
	for _, name := range files {
		err := unix.Mount("dev/null", "proc/"+name, "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("/proc/%s: %w", name, err)
		}
	}
	for _, name := range dirs {
		err := unix.Mount("sys", "proc/"+name, "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("/proc/%s: %w", name, err)
		}
	}
	return nil
}
