package tree

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Names with a meaning in a layer's tar (OCI image specification, layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// How overlayfs, mounted with userxattr, marks an opaque directory (Linux,
// Documentation/filesystems/overlayfs.rst). A whiteout is a character device 0:0.
const (
	opaqueXattr = "user.overlay.opaque"
	opaqueValue = "y"
)

// namesMark at the top of a directory says that its file system takes one of these marks
// not, and that empty files with the names of a layer's tar stand for them. No overlay can be mounted
// over it: package sandbox, which reads and writes the same, copies such a layer.
const namesMark = ".wh..wh.names"

// putWhiteout marks name in the directory behind fd as absent; top is the layer's.
func putWhiteout(top, fd int, name string) error {
	err := unix.Mknodat(fd, name, unix.S_IFCHR, 0)
	if unmarkable(err) {
		err = putName(top, fd, whiteoutPrefix+name)
	}
	return err
}

// putOpaque marks the directory behind fd as opaque.
func putOpaque(top, fd int) error {
	err := unix.Fsetxattr(fd, opaqueXattr, []byte(opaqueValue), 0)
	if unmarkable(err) {
		err = putName(top, fd, opaqueName)
	}
	return err
}

// unmarkable tells the answers of a file system that has no such mark from failures:
// overlayfs makes no whiteouts for others (EPERM), ramfs has no attributes.
func unmarkable(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)
}

func putName(top, fd int, name string) error {
	err := putEmpty(fd, name)
	if err == nil {
		err = putEmpty(top, namesMark)
	}
	return err
}

func putEmpty(dirfd int, name string) error {
	fd, err := unix.Openat(dirfd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// hasName reports whether names are marks in a tree and name is one in the directory
// behind fd.
func hasName(top, fd int, name string) bool {
	for _, at := range []struct {
		fd   int
		name string
	}{{top, namesMark}, {fd, name}} {
		if n, err := stat(at.fd, at.name); err != nil || n.Kind != File || n.Size != 0 {
			return false
		}
	}
	return true
}

func isOpaque(path string) bool {
	_, name := split(path)
	return name == opaqueName
}

// fromWhiteout turns an entry with a whiteout's name into what the name means.
func fromWhiteout(e *Entry) error {
	dir, name := split(e.Path)
	victim, ok := strings.CutPrefix(name, whiteoutPrefix)
	if !ok {
		return nil
	}
	if e.Kind != File || e.Size != 0 {
		return refuse(e.Path, "a whiteout that is no empty file")
	}
	switch {
	case name == opaqueName:
		*e = Entry{Path: e.Path, Kind: Opaque}
		return nil
	case victim == "" || strings.HasPrefix(victim, whiteoutPrefix):
		return refuse(e.Path, "a whiteout of no known meaning")
	}
	path := victim
	if dir != "." {
		path = dir + "/" + victim
	}
	if err := checkPath(path); err != nil {
		return err
	}
	*e = Entry{Path: path, Kind: Whiteout}
	return nil
}

// tarName returns the name under which an entry stands in a layer's tar.
func tarName(e Entry) string {
	switch e.Kind {
	case Dir:
		return e.Path + "/"
	case Whiteout:
		dir, name := split(e.Path)
		if dir == "." {
			return whiteoutPrefix + name
		}
		return dir + "/" + whiteoutPrefix + name
	}
	return e.Path
}

// lowerKind returns the kind that path has in the layers below, 0 when none
// shows it. Ledgers come bottom first.
func lowerKind(lower []Ledger, path string) Kind {
	for i := len(lower) - 1; i >= 0; i-- {
		l := lower[i]
		if e, ok := l.Find(path); ok {
			if e.Kind == Whiteout {
				return 0
			}
			return e.Kind
		}
		for dir := path; dir != "."; {
			dir, _ = split(dir)
			if e, ok := l.Find(dir); ok && e.Kind != Dir {
				return 0
			}
			marker := opaqueName
			if dir != "." {
				marker = dir + "/" + opaqueName
			}
			if _, ok := l.Find(marker); ok {
				return 0
			}
		}
	}
	return 0
}
