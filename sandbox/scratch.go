package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// prepare makes what a run needs in its scratch directory. The work directory of
// an earlier run is of no use again: overlayfs marks it on a volatile mount and
// refuses a second one. Errors are *StageError.
func (p *plan) prepare() error {
	points, err := p.missingPoints()
	if err != nil {
		return stageError("layers", err)
	}
	if err := prepareScratch(p.scratch, points); err != nil {
		return stageError("scratch", err)
	}
	return nil
}

func prepareScratch(dir string, points []point) error {
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
		// The mode of upper is that of / inside.
		if err := makeDir(fd, name); err != nil && (name != upperName || !errors.Is(err, unix.EEXIST)) {
			return fmt.Errorf("%s/%s: %w", dir, name, err)
		}
	}
	if err := makePoints(fd, points); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
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
