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

const hostsFile = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

func privateMounts() error {
	unix.Umask(0o022)
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// openLayers takes hold of all that is named by a path of the host, while
// nothing is mounted over it, and makes the bottom layer where one is needed.
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
		fd, err := openTree(b)
		if err != nil {
			return fmt.Errorf("bind %s: %w", b.Host, err)
		}
		c.trees = append(c.trees, fd)
	}
	points, err := c.missingPoints()
	if err != nil || len(points) == 0 {
		return err
	}
	fd, err := makePoints(c.scratchFD, points)
	if err != nil {
		return err
	}
	c.layers = slices.Insert(c.layers, 0, fd)
	return nil
}

// point is an entry of the bottom layer.
type point struct {
	name  string // relative
	isDir bool
	text  string
}

// missingPoints lists what the layers lack. For the place of a bind they are
// not asked, since a layer can hide what one below it has.
func (c *cell) missingPoints() (missing []point, err error) {
	for _, name := range fixedPoints() {
		if !hasEntry(c.layers, name) {
			missing = append(missing, point{name: name, isDir: true})
		}
	}
	for _, p := range []point{{name: "etc/hosts", text: hostsFile}, {name: "etc/resolv.conf"}} {
		if !hasEntry(c.layers, p.name) {
			missing = append(missing, p)
		}
	}
	for i, b := range c.binds {
		if inTemporary(b.Inside) {
			continue
		}
		isDir, err := isDirectory(c.trees[i])
		if err != nil {
			return nil, fmt.Errorf("bind %s: %w", b.Host, err)
		}
		missing = append(missing, point{name: b.Inside[1:], isDir: isDir})
	}
	return missing, nil
}

func fixedPoints() []string { return []string{"dev", "proc", "run", "sys", "tmp"} }

// hasEntry reports whether any layer has an entry. Where one above hides it, or
// it is not what it should be, the check of the mount points says so.
func hasEntry(layers []int, name string) bool {
	for _, layer := range layers {
		fd, err := unix.Openat2(layer, name, &unix.OpenHow{
			Flags:   pathFlags | unix.O_NOFOLLOW,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
		})
		if err == nil {
			unix.Close(fd)
		}
		if !errors.Is(err, unix.ENOENT) {
			return true
		}
	}
	return false
}

// makePoints makes the bottom layer and opens it. Mount points made in the
// upper directory instead would look like files that the program left.
func makePoints(scratch int, points []point) (int, error) {
	if err := unix.Mkdirat(scratch, pointsName, 0o755); err != nil {
		return -1, fmt.Errorf("%s: %w", pointsName, err)
	}
	fd, err := unix.Openat(scratch, pointsName, pathFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, fmt.Errorf("%s: %w", pointsName, err)
	}
	for _, p := range points {
		if err := makePoint(fd, p); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("mount point /%s: %w", p.name, err)
		}
	}
	return fd, nil
}

// makePoint makes one, with the directories that lead to it, below a directory
// that only init writes.
func makePoint(dir int, p point) error {
	for i := range p.name {
		if p.name[i] != '/' {
			continue
		}
		if err := unix.Mkdirat(dir, p.name[:i], 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	if p.isDir {
		if err := unix.Mkdirat(dir, p.name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		return nil
	}
	fd, err := unix.Openat(dir, p.name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if p.text == "" {
		return nil
	}
	_, err = unix.Write(fd, []byte(p.text))
	return err
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
