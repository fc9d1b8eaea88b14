package sandbox

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Parts of a scratch directory.
const (
	upperName  = "upper"  // what the program changed, in overlayfs form; the caller reads it
	workName   = "work"   // overlayfs's own
	pointsName = "points" // the bottom layer: the mount points that an image may lack
)

const pathFlags = unix.O_PATH | unix.O_CLOEXEC

const hostsFile = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

func privateMounts() error {
	unix.Umask(0o022)
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// openLayers takes hold of all that is named by a path of the host, while
// nothing is mounted over it, and makes the bottom layer.
func (c *cell) openLayers() (err error) {
	if c.scratchFD, err = unix.Open(c.scratch, pathFlags|unix.O_DIRECTORY, 0); err != nil {
		return fmt.Errorf("scratch: %w", err)
	}
	for _, name := range append([]string{path.Join(c.scratch, pointsName)}, c.lower...) {
		fd, err := unix.Open(name, pathFlags|unix.O_DIRECTORY, 0)
		if err != nil {
			return fmt.Errorf("layer %s: %w", name, err)
		}
		c.layers = append(c.layers, fd)
	}
	for _, b := range c.binds {
		fd, err := openTree(b)
		if err != nil {
			return fmt.Errorf("bind %s: %w", b.Host, err)
		}
		c.trees = append(c.trees, fd)
	}
	return c.makePoints()
}

// makePoints fills the bottom layer. Mount points made in the upper directory
// instead would look like files that the program left.
func (c *cell) makePoints() error {
	points, layers := c.layers[0], c.layers[1:]
	for _, name := range fixedPoints() {
		if hasEntry(layers, name) {
			continue
		}
		if err := makePoint(points, name, true, ""); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{{"etc/hosts", hostsFile}, {"etc/resolv.conf", ""}} {
		if err := makePoint(points, f[0], false, f[1]); err != nil {
			return err
		}
	}
	for i, b := range c.binds {
		if inTemporary(b.Inside) {
			continue
		}
		isDir, err := isDirectory(c.trees[i])
		if err == nil {
			err = makePoint(points, b.Inside[1:], isDir, "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasEntry reports whether the layers show an entry of this name in their
// root: the topmost that has one decides, by a whiteout too.
func hasEntry(layers []int, name string) bool {
	for i := len(layers) - 1; i >= 0; i-- {
		var st unix.Stat_t
		if unix.Fstatat(layers[i], name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			return st.Mode&unix.S_IFMT != unix.S_IFCHR
		}
	}
	return false
}

func isDirectory(fd int) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

func fixedPoints() []string { return []string{"dev", "proc", "run", "sys", "tmp"} }

// makePoint makes a directory or a file at a relative path below a directory
// that only init writes, with the directories that lead to it.
func makePoint(dir int, name string, isDir bool, text string) error {
	for i := range name {
		if name[i] == '/' {
			if err := unix.Mkdirat(dir, name[:i], 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
				return fmt.Errorf("mount point /%s: %w", name, err)
			}
		}
	}
	if isDir {
		if err := unix.Mkdirat(dir, name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("mount point /%s: %w", name, err)
		}
		return nil
	}
	fd, err := unix.Openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("mount point /%s: %w", name, err)
	}
	defer unix.Close(fd)
	if text == "" {
		return nil
	}
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return fmt.Errorf("mount point /%s: %w", name, err)
	}
	return nil
}

// mountOverlay mounts the layers over the directory of the bottom one, and
// goes there. Layers are named by descriptor numbers, relative to a directory
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
	points := path.Join(c.scratch, pointsName)
	if err := unix.Mount("overlay", points, "overlay", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return err
	}
	if err := unix.Chdir(points); err != nil {
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
