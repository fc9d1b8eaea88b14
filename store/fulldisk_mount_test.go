package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func runMounted(t *testing.T, args ...string) {
	t.Helper()
	cmd := roleCommand(t, "full", append([]string{t.TempDir()}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// mount makes a file system of 384 MiB at dir.
func mount(dir, kind string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	switch kind {
	case "tmpfs":
		return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=384m")
	case "inodes":
		return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=384m,nr_inodes=200")
	}
	image := dir + ".img"
	script := `truncate -s 384M "$1" && mkfs.ext4 -q -m 0 "$1" && mount -o loop "$1" "$2"`
	return run("sh", "-c", script, "sh", image, dir)
}

// fill takes space until at most left bytes are free.
func fill(dir string, left int64) error {
	f, err := os.OpenFile(dir+"/filler", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	chunk := bytes.Repeat([]byte{1}, 4096)
	for {
		bytes, _, err := free(dir)
		if err != nil {
			return err
		}
		if bytes <= left {
			return nil
		}
		if n := bytes - left; n > 2<<20 {
			n -= 1 << 20 // metadata takes some too
			info, err := f.Stat()
			if err != nil {
				return err
			}
			if err := unix.Fallocate(int(f.Fd()), 0, info.Size(), n); err != nil {
				return err
			}
			if _, err := f.Seek(0, 2); err != nil {
				return err
			}
			continue
		}
		if _, err := f.Write(chunk); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// fillInodes takes all inodes.
func fillInodes(base string) error {
	for i := 0; ; i++ {
		if err := os.Mkdir(fmt.Sprintf("%s/inode-%d", base, i), 0o700); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func removeInodes(base string) error {
	for i := 0; ; i++ {
		if err := os.Remove(fmt.Sprintf("%s/inode-%d", base, i)); errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
