package sandbox

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// A layer marks what it hides of those below as overlayfs does with userxattr: a
// character device 0:0 for an entry, an attribute for a directory's lower content. Where the
// file system takes one of them not, the mark is an empty file with the name that the OCI image
// specification (layer.md, "Whiteouts") has for it, and the file namesMark at the top of the
// layer says that names are marks in it: no overlay can be mounted over such a layer. Package tree
// reads and writes the same.
const (
	opaqueAttribute = "user.overlay.opaque"
	whiteoutPrefix  = ".wh."
	opaqueMark      = ".wh..wh..opq"
	namesMark       = ".wh..wh.names"
)

// unmarkable tells the answers of a file system that has no such mark from failures:
// overlayfs makes no whiteouts for others (EPERM), ramfs has no attributes.
func unmarkable(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)
}

// putWhiteout marks an entry of a directory as hidden; top is the layer's.
func putWhiteout(top, dir int, name string) error {
	err := unix.Mknodat(dir, name, unix.S_IFCHR, 0)
	if unmarkable(err) {
		err = putName(top, dir, whiteoutPrefix+name)
	}
	return err
}

// putOpaque marks a directory as one that hides all below it.
func putOpaque(top, dir int) error {
	err := unix.Fsetxattr(dir, opaqueAttribute, []byte("y"), 0)
	if unmarkable(err) {
		err = putName(top, dir, opaqueMark)
	}
	return err
}

func putName(top, dir int, name string) error {
	for _, at := range []struct {
		dir  int
		name string
	}{{dir, name}, {top, namesMark}} {
		fd, err := unix.Openat(at.dir, at.name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return nil
}

// hidden returns the name of what an entry of a layer hides, empty when it hides
// nothing; for an opaque mark and namesMark own is true and name empty.
func hidden(name string, st *unix.Stat_t) (victim string, own bool) {
	if victim, ok := strings.CutPrefix(name, whiteoutPrefix); ok {
		if strings.HasPrefix(victim, whiteoutPrefix) {
			return "", true
		}
		return victim, true
	}
	if st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0 {
		return name, true
	}
	return "", false
}

func isOpaque(dir int) (bool, error) {
	var v [2]byte
	n, err := unix.Fgetxattr(dir, opaqueAttribute, v[:])
	if err == nil && string(v[:n]) == "y" {
		return true, nil
	}
	if err != nil && err != unix.ENODATA && err != unix.EOPNOTSUPP && err != unix.ERANGE {
		return false, err
	}
	return exists(dir, opaqueMark)
}

func exists(dir int, name string) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}
