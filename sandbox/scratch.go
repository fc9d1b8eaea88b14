package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// prepare makes what a run needs in its scratch directory. The work directory of
// an earlier run is of no use again: overlayfs marks it on a volatile mount and
// refuses a second one. Errors are *StageError, and *noOverlayError.
func (p *plan) prepare() error {
	if p.way == wayCopied || p.way == waySeparate {
		return nil // wayCopy came before
	}
	points, err := p.missingPoints()
	if err != nil {
		return stageError("layers", err)
	}
	if p.way == wayOverlay {
		if err := checkMarks(p.lower); err != nil {
			return err
		}
	}
	if err := prepareScratch(p.scratch, p.way, points); err != nil {
		if _, ok := err.(*noOverlayError); ok {
			return err
		}
		return stageError("scratch", err)
	}
	return nil
}

func prepareScratch(dir string, w way, points []point) error {
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
	for _, name := range []string{workName, pointsName, rootName} {
		if err := removeAt(fd, name); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	made := []string{upperName, workName}
	if w == wayCopy {
		made = append(made, rootName)
	}
	for _, name := range made {
		// The mode of upper is that of / inside.
		if err := makeDir(fd, name); err != nil && (name != upperName || !errors.Is(err, unix.EEXIST)) {
			return fmt.Errorf("%s/%s: %w", dir, name, err)
		}
	}
	if err := makePoints(fd, points); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if w == wayOverlay {
		return checkAttributes(fd)
	}
	return nil
}

// checkAttributes tries a user.* attribute, which a file system may lack: the overlay
// would mount, and fail later when a directory is removed.
func checkAttributes(fd int) error {
	const name = "user.pbuild.probe"
	err := unix.Fsetxattr(fd, name, nil, 0)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return &noOverlayError{fmt.Errorf("user.* attributes of files: %w", err)}
	}
	if err != nil {
		return fmt.Errorf("attribute %s: %w", name, err)
	}
	return unix.Fremovexattr(fd, name)
}

var errNamedMarks = errors.New("what it hides is marked by names")

// checkMarks looks for layers whose marks are names, which no overlay understands.
func checkMarks(lower []string) error {
	for _, dir := range lower {
		var st unix.Stat_t
		err := unix.Lstat(dir+"/"+namesMark, &st)
		if err == nil {
			return &noOverlayError{fmt.Errorf("layer %s: %w", dir, errNamedMarks)}
		}
		if !errors.Is(err, unix.ENOENT) {
			return stageError("layers", fmt.Errorf("layer %s: %w", dir, err))
		}
	}
	return nil
}
