package testenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// BoxFlags and BoxCaps are what a process is started with, in namespaces of its own,
// that calls Box.
const BoxFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS

var BoxCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE}

// Box makes of dir what it would be in a container without a volume: a directory on
// overlayfs, where no other overlay can have its upper directory. It is seen by this process
// and what that starts, and is no more when they have ended; what is written goes to aside, a directory
// that is made, and seen again by the next Box. The capabilities of the program that is executed next are given up.
func Box(dir, aside string) error {
	upper, work := filepath.Join(aside, "upper"), filepath.Join(aside, "work")
	for _, d := range []string{aside, upper, work} {
		if err := os.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := os.Chmod(upper, info.Mode().Perm()); err != nil {
		return err
	}
	options := fmt.Sprintf("userxattr,lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work)
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay over %s: %w", dir, err)
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}
