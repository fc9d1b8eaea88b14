package sandbox

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// openTree makes a detached copy of what is at b.Host, with all mounts below
// it, without set-user-id and devices, and read-only unless Writable. The
// recursive attribute reaches mounts that a bind remount would leave writable.
func openTree(b Bind) (fd int, err error) {
	fd, err = unix.OpenTree(unix.AT_FDCWD, b.Host, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	set := uint64(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV)
	if !b.Writable {
		set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := setAttributes(fd, set); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func setAttributes(tree int, set uint64) error {
	return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: set})
}

// mountBinds attaches the detached trees below the working directory, which is
// the new root.
func (c *cell) mountBinds() error {
	for i, b := range c.binds {
		if err := attach(c.trees[i], b); err != nil {
			return fmt.Errorf("bind %s: %w", b.Inside, err)
		}
		unix.Close(c.trees[i])
	}
	return nil
}

func attach(tree int, b Bind) error {
	if inTemporary(b.Inside) {
		isDir, err := isDirectory(tree)
		if err == nil {
			err = makePoint(unix.AT_FDCWD, point{name: b.Inside[1:], isDir: isDir})
		}
		if err != nil {
			return err
		}
	}
	place, err := openPoint(b.Inside[1:])
	if err != nil {
		return err
	}
	defer unix.Close(place)
	return unix.MoveMount(tree, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// openPoint opens a mount point below the new root. A symbolic link of an
// image on the way would lead to the host, whose root is still the root.
func openPoint(name string) (int, error) {
	return unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{
		Flags:   pathFlags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// checkPoints makes sure that no image has a symbolic link or a file where
// init mounts.
func (c *cell) checkPoints() error {
	for _, name := range fixedPoints() {
		fd, err := openPoint(name)
		if err != nil {
			return fmt.Errorf("/%s: %w", name, err)
		}
		isDir, err := isDirectory(fd)
		unix.Close(fd)
		if err == nil && !isDir {
			err = unix.ENOTDIR
		}
		if err != nil {
			return fmt.Errorf("/%s: %w", name, err)
		}
	}
	return nil
}

// inTemporary reports whether a path inside lies on one of the temporary file
// systems, where mount points are made when these are there.
func inTemporary(p string) bool {
	return strings.HasPrefix(p, "/tmp/") || strings.HasPrefix(p, "/run/")
}
