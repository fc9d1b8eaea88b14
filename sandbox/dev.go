package sandbox

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// devices are bound from the host, for a user namespace can't make nodes.
// Numbers: Documentation/admin-guide/devices.txt of Linux.
func devices() []device {
	return []device{
		{"null", 1, 3},
		{"zero", 1, 5},
		{"full", 1, 7},
		{"random", 1, 8},
		{"urandom", 1, 9},
		{"tty", 5, 0},
	}
}

type device struct {
	name         string
	major, minor uint32
}

func mountDev() error {
	if err := unix.Mount("tmpfs", "dev", "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=0755,size=1m"); err != nil {
		return err
	}
	for _, d := range devices() {
		host, inside := "/dev/"+d.name, "dev/"+d.name
		var st unix.Stat_t
		if err := unix.Stat(host, &st); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(d.major, d.minor) {
			return fmt.Errorf("%s: is not the device %d:%d", host, d.major, d.minor)
		}
		if err := unix.Mknod(inside, unix.S_IFREG|0o644, 0); err != nil {
			return fmt.Errorf("%s: %w", inside, err)
		}
		if err := unix.Mount(host, inside, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	for _, l := range [][2]string{
		{"/proc/self/fd", "dev/fd"},
		{"/proc/self/fd/0", "dev/stdin"},
		{"/proc/self/fd/1", "dev/stdout"},
		{"/proc/self/fd/2", "dev/stderr"},
		{"pts/ptmx", "dev/ptmx"},
	} {
		if err := unix.Symlink(l[0], l[1]); err != nil {
			return fmt.Errorf("%s: %w", l[1], err)
		}
	}
	return nil
}

// mountDevpts gives no gid option: the group tty is not mapped.
func mountDevpts() error {
	if err := unix.Mkdir("dev/pts", 0o755); err != nil {
		return err
	}
	return unix.Mount("devpts", "dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
}

// mountTemporary lets none of them hold much more than the limit of memory, since their
// files are that. A little more is the watch's to see: a program that meets the end of a
// file system would only say so, and take what it held in a removed file with it.
func (c *cell) mountTemporary() error {
	if err := unix.Mkdir("dev/shm", 0o755); err != nil {
		return fmt.Errorf("dev/shm: %w", err)
	}
	for _, name := range temporaryPoints() {
		options := "mode=1777"
		if name == "run" {
			options = "mode=0755"
		}
		if c.temporary > 0 {
			options += ",size=" + strconv.FormatUint(4*c.temporary, 10)
		}
		if err := unix.Mount("tmpfs", name, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
			return fmt.Errorf("/%s: %w", name, err)
		}
	}
	return nil
}

func mountSys() error {
	return unix.Mount("tmpfs", "sys", "tmpfs", quiet|unix.MS_RDONLY, "mode=0555,size=4k")
}

// openStreams puts /dev/null of the sandbox where the caller gave no stream:
// the host's one would show a path of the host in /proc/self/fd.
func (c *cell) openStreams() error {
	if c.terminal {
		return c.openTerminal()
	}
	for fd, null := range c.null {
		if !null {
			continue
		}
		mode := unix.O_WRONLY
		if fd == 0 {
			mode = unix.O_RDONLY
		}
		opened, err := unix.Open("/dev/null", mode|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("/dev/null: %w", err)
		}
		if err := unix.Dup3(opened, fd, 0); err != nil {
			return fmt.Errorf("/dev/null: %w", err)
		}
		unix.Close(opened)
	}
	return nil
}
