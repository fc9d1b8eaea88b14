package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// prepareScratch makes what Run needs in a scratch directory. The work
// directory of an earlier run is of no use again: overlayfs marks it on a
// volatile mount and refuses a second one.
func prepareScratch(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o7777 != 0o700 {
		return fmt.Errorf("%s: mode %04o, owner %d: want mode 0700 and owner %d", dir, st.Mode&0o7777, st.Uid, os.Geteuid())
	}
	for _, name := range []string{workName, pointsName} {
		if err := removeAt(fd, name); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	for _, name := range []string{upperName, workName} {
		err := unix.Mkdirat(fd, name, 0o755)
		if name == upperName && errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			// The umask took part in mkdir, and upper's mode is that of / inside.
			err = unix.Fchmodat(fd, name, 0o755, 0)
		}
		if err != nil {
			return fmt.Errorf("%s/%s: %w", dir, name, err)
		}
	}
	return checkAttributes(dir, fd)
}

// checkAttributes tries a user.* attribute where the file system may lack
// them: the overlay would mount, and fail later when a directory is removed.
func checkAttributes(dir string, fd int) error {
	var sfs unix.Statfs_t
	if err := unix.Fstatfs(fd, &sfs); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if sfs.Type != unix.TMPFS_MAGIC {
		return nil
	}
	const name = "user.pbuild.probe"
	if err := unix.Fsetxattr(fd, name, nil, 0); err != nil {
		return fmt.Errorf("%s: attribute %s: %w", dir, name, err)
	}
	return unix.Fremovexattr(fd, name)
}
