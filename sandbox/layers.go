package sandbox

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Parts of a scratch directory.
const (
	upperName  = "upper"  // what the program changed, in overlayfs form; the caller reads it
	workName   = "work"   // overlayfs's own
	pointsName = "points" // a bottom layer with what an image lacks: mount points, /etc/hosts
)

const pathFlags = unix.O_PATH | unix.O_CLOEXEC

func privateMounts() error {
	unix.Umask(0o022)
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// openLayers takes hold of all that is named by a path of the host, while
// nothing is mounted over it, and of the bottom layer where there is one.
func (c *cell) openLayers() (err error) {
	if c.scratchFD, err = unix.Open(c.scratch, pathFlags|unix.O_DIRECTORY, 0); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	for _, name := range c.lower {
		fd, err := unix.Open(name, pathFlags|unix.O_DIRECTORY, 0)
		if err != nil {
			return fmt.Errorf("layer %s: %w", name, err)
		}
		c.layers = append(c.layers, fd)
	}
	for _, b := range c.binds {
		if c.way == wayCopy || c.way == waySeparate {
			break
		}
		fd, err := openTree(b)
		if err != nil {
			return fmt.Errorf("bind %s: %w", b.Host, err)
		}
		c.trees = append(c.trees, fd)
	}
	fd, err := unix.Openat(c.scratchFD, pointsName, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil // the layers lack nothing
	}
	if err != nil {
		return fmt.Errorf("%s: %w", pointsName, err)
	}
	c.layers = slices.Insert(c.layers, 0, fd)
	return nil
}

func isDirectory(fd int) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// mountOverlay mounts the layers, over the work directory for want of a better
// place, and goes there. Layers are named by descriptor numbers, relative to a directory
// of such: the mount table shows the options as given, and they are limited to
// a page, so that paths of the host would both leak and not fit.
func (c *cell) mountOverlay() error {
	upper, err := unix.Openat(c.scratchFD, upperName, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", upperName, err)
	}
	work, err := unix.Openat(c.scratchFD, workName, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", workName, err)
	}
	if err := unix.Chdir("/proc/self/fd"); err != nil {
		return fmt.Errorf("/proc/self/fd: %w", err)
	}
	lower := make([]string, len(c.layers))
	for i, fd := range c.layers {
		lower[len(lower)-1-i] = strconv.Itoa(fd)
	}
	options := fmt.Sprintf("userxattr,volatile,lowerdir=%s,upperdir=%d,workdir=%d", strings.Join(lower, ":"), upper, work)
	root := path.Join(c.scratch, workName)
	if err := unix.Mount("overlay", root, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return err
	}
	if err := unix.Chdir(root); err != nil {
		return err
	}
	for _, fd := range append(c.layers, upper, work, c.scratchFD) {
		unix.Close(fd)
	}
	return nil
}

// enterRoot makes the overlay, which is the working directory, the root, and
// lets go of the host's mounts.
func enterRoot() error {
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount of the old root: %w", err)
	}
	return unix.Chdir("/")
}
