package tree

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Settle makes the directory that WriteLayer captured what UnpackLayer would
// make of the written layer, without writing the files again: it gives each path
// its recorded time and the mode that it may have on disk, and drops whiteouts
// and opaque markers that the ledger does not have.
func Settle(ctx context.Context, dir string, l Ledger) (err error) {
	c, err := newCursor(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	nodes, err := walk(ctx, c, true)
	if err != nil {
		return fmt.Errorf("settle %s: %w", dir, err)
	}
	for i := range nodes {
		if err := settle(c, &nodes[i], l); err != nil {
			return fmt.Errorf("settle %s: %s: %w", dir, quoteName(nodes[i].Path), err)
		}
	}
	return SetDirs(dir, l)
}

func settle(c *cursor, n *node, l Ledger) error {
	up, name := split(n.Path)
	fd, err := c.enter(up)
	if err != nil {
		return err
	}
	e, listed := l.Find(n.Path)
	switch {
	case n.Kind == Opaque && !listed:
		if err := unix.Unlinkat(fd, opaqueName, 0); !errors.Is(err, unix.ENOENT) {
			return err
		}
		return unix.Fremovexattr(fd, opaqueXattr)
	case n.Kind == Whiteout && !listed:
		if err := unix.Unlinkat(fd, name, 0); !errors.Is(err, unix.ENOENT) {
			return err
		}
		return unix.Unlinkat(fd, whiteoutPrefix+name, 0)
	case n.Kind == Opaque, n.Kind == Whiteout, n.Kind == Dir:
		return nil // directories last: SetDirs
	case !listed:
		return errors.New("not in the ledger")
	}
	if n.Kind == File && n.Mode != diskMode(e.Mode) {
		if err := unix.Fchmodat(fd, name, diskMode(e.Mode), 0); err != nil {
			return err
		}
	}
	return setTime(fd, name, e.MTime)
}
