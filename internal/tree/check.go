package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// DamageError says where a tree on disk is not what its ledger says.
type DamageError struct {
	Dir  string
	Diff []string // lines as Diff prints them, sorted
}

// Error names the directory and the first differences.
func (e *DamageError) Error() string {
	const shown = 10
	s := fmt.Sprintf("tree %s: %d paths differ: %s", e.Dir, len(e.Diff), strings.Join(e.Diff[:min(len(e.Diff), shown)], "; "))
	if len(e.Diff) > shown {
		s += "; …"
	}
	return s
}

// Check compares the tree that an unpacked ledger describes with what is in
// dir, by one stat a path: that it is there, kind, permission bits, size, time,
// and which paths are hard links of one file. An added or removed path shows
// in its directory's time. Not looked at: contents, link targets, the root,
// devices. A difference is a *DamageError.
func Check(dir string, l Ledger) error {
	c, err := newCursor(dir)
	if err != nil {
		return err
	}
	diff, _, err := check(c, l, false)
	if err = errors.Join(err, c.close()); err == nil && len(diff) > 0 {
		err = &DamageError{Dir: dir, Diff: diff}
	}
	return err
}

// CheckFull is Check plus the bytes of files, the targets of symlinks, and
// paths that the ledger doesn't have.
func CheckFull(ctx context.Context, dir string, l Ledger) (err error) {
	c, err := newCursor(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	diff, found, err := check(c, l, true)
	if err != nil {
		return err
	}
	nodes, err := walk(ctx, c, true)
	if err != nil {
		return fmt.Errorf("tree %s: %w", dir, err)
	}
	buf := make([]byte, bufferSize)
	for i := range nodes {
		n := &nodes[i]
		e, listed := l.Find(n.Path)
		if !listed {
			diff = append(diff, quoteName(n.Path)+": unexpected")
			continue
		}
		if e.Kind != File || !found[n.Path] {
			continue
		}
		up, name := split(n.Path)
		fd, err := c.enter(up)
		if err != nil {
			return err
		}
		d, err := copyFile(ctx, io.Discard, fd, name, n, buf)
		if err != nil {
			return fmt.Errorf("tree %s: %s: %w", dir, quoteName(n.Path), err)
		}
		if d != e.Digest {
			diff = append(diff, fmt.Sprintf("%s: content %s → %s", quoteName(n.Path), e.Digest.Short(), d.Short()))
		}
	}
	if len(diff) == 0 {
		return nil
	}
	slices.Sort(diff)
	return &DamageError{Dir: dir, Diff: diff}
}

// check returns the differences, and with full also looks at link targets and
// returns the files that have their kind and size.
func check(c *cursor, l Ledger, full bool) (diff []string, found map[string]bool, err error) {
	found = make(map[string]bool)
	ids := make(map[string]inode) // of hard links and what they name
	for _, e := range l {
		if e.Kind == HardLink {
			ids[e.Link] = inode{}
		}
	}
	for _, e := range l {
		if e.Path == "." || e.Kind == CharDev || e.Kind == BlockDev {
			continue
		}
		s, n, err := checkEntryOnDisk(c, e, full)
		if err != nil {
			return nil, nil, err
		}
		if s != "" {
			diff = append(diff, quoteName(e.Path)+": "+s)
			continue
		}
		if _, ok := ids[e.Path]; ok || e.Kind == HardLink {
			ids[e.Path] = n.id
		}
		if full && e.Kind == File {
			found[e.Path] = true
		}
	}
	for _, e := range l {
		if e.Kind == HardLink && ids[e.Path] != ids[e.Link] {
			diff = append(diff, fmt.Sprintf("%s: no hard link to %s", quoteName(e.Path), quoteName(e.Link)))
		}
	}
	slices.Sort(diff)
	return slices.Compact(diff), found, nil
}

// checkEntryOnDisk compares one path; the text is empty when all is well.
func checkEntryOnDisk(c *cursor, e Entry, full bool) (string, node, error) {
	dir, name := split(e.Path)
	fd, err := c.enter(dir)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, ErrUnsafe) {
		return "missing", node{}, nil
	}
	if err != nil {
		return "", node{}, err
	}
	if e.Kind == Opaque {
		if ok, err := isOpaqueDir(fd); err != nil || ok || hasName(c.levels[0].fd, fd, opaqueName) {
			return "", node{}, err
		}
		return "missing", node{}, nil
	}
	n, err := stat(fd, name)
	if errors.Is(err, unix.ENOENT) {
		if e.Kind == Whiteout && hasName(c.levels[0].fd, fd, whiteoutPrefix+name) {
			return "", n, nil
		}
		return "missing", n, nil
	}
	if err != nil {
		return err.Error(), n, nil
	}
	want := Entry{Path: e.Path, Kind: e.Kind, Mode: diskMode(e.Mode), Size: e.Size, MTime: diskTime(e.MTime)}
	got := n.Entry
	got.Path = e.Path
	switch e.Kind {
	case Whiteout:
		want = Entry{Path: e.Path, Kind: CharDev}
		got.Mode, got.MTime = 0, 0
	case HardLink: // size and content are checked where the bytes are listed
		want.Kind, want.Size = File, got.Size
	case Symlink:
		if full {
			want.Link = e.Link
			if got.Link, err = readlink(fd, name); err != nil {
				return err.Error(), n, nil
			}
		}
	}
	s := diffEntry(want, got)
	if s == "" && n.nsec != 0 && e.Kind != Whiteout {
		s = fmt.Sprintf("time %d → %d.%09d", want.MTime, got.MTime, n.nsec)
	}
	return s, n, nil
}
