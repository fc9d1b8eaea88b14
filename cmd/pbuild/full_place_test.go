package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/worker"
)

// inMounts runs a test, by its name, in a process that may mount: in a mount
// namespace of root's, or of a user namespace in which the user has his own uid. It
// reports whether this is that process.
func inMounts(t *testing.T) bool {
	t.Helper()
	const variable = "PBUILD_TEST_MOUNTS"
	if os.Getenv(variable) != "" {
		// This process may mount, what it starts may not.
		if err := errors.Join(os.NewSyscallError("prctl", unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)),
			os.NewSyscallError("mount", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))); err != nil {
			t.Fatal(err)
		}
		return true
	}
	self, err := worker.Executable()
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	c := exec.Command(fmt.Sprintf("/proc/self/fd/%d", self.Fd()), "-test.run", "^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), variable+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		c.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		c.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
	return false
}

// smallDisk mounts a file system of memory.
func smallDisk(t *testing.T, dir, options string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatalf("mount %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// moveToSmallDisk puts the store of the place on a small file system, whose
// directory it returns; the large files of images are those of the old one, mounted
// over.
func (p *tinyPlace) moveToSmallDisk(t *testing.T) (disk string) {
	t.Helper()
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	from := p.store
	info, err := os.Stat(from)
	must(err)
	uid := int(info.Sys().(*syscall.Stat_t).Uid)
	disk = filepath.Join(p.dir, "disk")
	smallDisk(t, disk, "mode=0755,size=400m")
	p.store = filepath.Join(disk, "store")
	must(os.Mkdir(p.store, 0o700), os.Lchown(p.store, uid, -1))
	p.ok("store", "ls") // makes it
	for _, dir := range []string{"roots", "blobs/sha256"} {
		entries, err := os.ReadDir(filepath.Join(from, dir))
		must(err)
		for _, e := range entries {
			at, to := filepath.Join(from, dir, e.Name()), filepath.Join(p.store, dir, e.Name())
			var body []byte
			if dir == "roots" {
				body, err = os.ReadFile(at)
				must(err)
			}
			must(os.WriteFile(to, body, 0o444), os.Lchown(to, uid, -1))
			if dir != "roots" {
				must(unix.Mount(at, to, "", unix.MS_BIND, ""))
			}
		}
	}
	must(unix.Mount(filepath.Join(from, "trees"), filepath.Join(p.store, "trees"), "", unix.MS_BIND, ""))
	p.ok("store", "rebuild")
	return disk
}

// leave sets the size of a small file system so that this much of it is free.
func leave(t *testing.T, disk string, bytes, inodes int64) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		t.Fatal(err)
	}
	options := fmt.Sprintf("size=%d,nr_inodes=%d", int64(st.Blocks-st.Bfree)*st.Bsize+bytes, int64(st.Files-st.Ffree)+inodes)
	if err := unix.Mount("tmpfs", disk, "tmpfs", unix.MS_REMOUNT, options); err != nil {
		t.Fatalf("remount %s: %s: %v", disk, options, err)
	}
}
