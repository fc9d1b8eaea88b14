package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// node is a path found on disk. Its Entry says what the disk says; Digest,
// Link and what comes from ledgers is not set.
type node struct {
	Entry
	nsec int64 // of the time, beyond Entry.MTime
	id   inode
	many bool // has several links
}

type inode struct{ dev, ino uint64 }

// walk lists the tree below dir, without dir itself, sorted bytewise by path.
// With overlay, whiteouts are recognised, and each opaque directory is followed
// by its marker; without, a character device 0:0 is a device like others.
func walk(ctx context.Context, c *cursor, overlay bool) ([]node, error) {
	w := &walker{cursor: c, overlay: overlay, buf: make([]byte, 64<<10)}
	if overlay {
		top, err := c.enter(".")
		if err != nil {
			return nil, err
		}
		w.named = hasName(top, top, namesMark)
	}
	if err := w.dir(ctx, ".", 1); err != nil {
		return nil, err
	}
	slices.SortFunc(w.nodes, func(a, b node) int { return strings.Compare(a.Path, b.Path) })
	return w.nodes, nil
}

type walker struct {
	cursor  *cursor
	overlay bool
	named   bool // names are marks
	buf     []byte
	nodes   []node
}

func (w *walker) dir(ctx context.Context, path string, depth int) error {
	if depth > defaultDepth+1 {
		return checkDepth(path+"/x", defaultDepth)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	fd, err := w.cursor.enter(path)
	if err != nil {
		return err
	}
	prefix := path + "/"
	if path == "." {
		prefix = ""
	}
	if w.overlay {
		if opaque, err := isOpaqueDir(fd); err != nil {
			return fmt.Errorf("%s: %w", quoteName(path), err)
		} else if opaque {
			w.nodes = append(w.nodes, node{Entry: Entry{Path: prefix + opaqueName, Kind: Opaque}})
		}
	}
	names, err := w.names(fd)
	if err != nil {
		return fmt.Errorf("%s: %w", quoteName(path), err)
	}
	var dirs []string
	for _, name := range names {
		n, err := stat(fd, name)
		if err != nil {
			return fmt.Errorf("%s: %w", quoteName(prefix+name), err)
		}
		n.Path = prefix + name
		if w.overlay && n.Kind == CharDev && n.Major == 0 && n.Minor == 0 {
			n = node{Entry: Entry{Path: n.Path, Kind: Whiteout}}
		}
		if w.named && n.Kind == File {
			if n.Path == namesMark {
				continue
			}
			if err := fromWhiteout(&n.Entry); err != nil {
				return err
			}
		}
		if n.Kind == Dir {
			dirs = append(dirs, n.Path)
		}
		w.nodes = append(w.nodes, n)
	}
	for _, d := range dirs {
		if err := w.dir(ctx, d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) names(fd int) ([]string, error) {
	var names []string
	// The descriptor may have been read before, by an earlier walk.
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return nil, err
	}
	for {
		n, err := unix.ReadDirent(fd, w.buf)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(w.buf[:n], -1, names)
	}
}

func isOpaqueDir(fd int) (bool, error) {
	var v [8]byte
	n, err := unix.Fgetxattr(fd, opaqueXattr, v[:])
	if err == unix.ENODATA || err == unix.ENOTSUP {
		return false, nil
	}
	return err == nil && string(v[:n]) == opaqueValue, err
}

// stat returns what the disk says of a name. A socket is an error: no tar holds one.
func stat(dirfd int, name string) (node, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return node{}, err
	}
	return fromStat(&st)
}

func fromStat(st *unix.Stat_t) (node, error) {
	n := node{nsec: int64(st.Mtim.Nsec), id: inode{dev: uint64(st.Dev), ino: st.Ino}, many: st.Nlink > 1}
	n.Mode, n.MTime = st.Mode&0o7777, int64(st.Mtim.Sec)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		n.Kind, n.Size = File, st.Size
	case unix.S_IFDIR:
		n.Kind = Dir
	case unix.S_IFLNK:
		n.Kind, n.Mode = Symlink, 0o777
	case unix.S_IFCHR, unix.S_IFBLK:
		n.Kind = CharDev
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			n.Kind = BlockDev
		}
		n.Major, n.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	case unix.S_IFIFO:
		n.Kind = FIFO
	case unix.S_IFSOCK:
		return n, fmt.Errorf("a socket can't stand in a tree")
	default:
		return n, fmt.Errorf("unknown file type %#o", st.Mode&unix.S_IFMT)
	}
	return n, nil
}

// readlink returns a symlink's target.
func readlink(dirfd int, name string) (string, error) {
	var buf [maxPath + 1]byte
	n, err := unix.Readlinkat(dirfd, name, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
