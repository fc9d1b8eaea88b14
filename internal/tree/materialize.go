package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// Materialize copies a source tree into the existing empty directory dir as a
// build is to see it: files 0644, or 0755 if they were executable, directories
// (dir too) 0755, symlinks as they are, never followed, and every time mtime,
// whole seconds. What Digest refuses is refused; on an error a part is left.
//
// Digest of dir afterwards is Digest of fsys, unless fsys changed in between: a
// caller who needs the digest of what a build saw takes it from dir.
func Materialize(fsys fs.FS, dir string, mtime time.Time) (err error) {
	l, err := sourceEntries(fsys)
	if err != nil {
		return err
	}
	c, err := newCursor(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	buf := make([]byte, bufferSize)
	for i := range l {
		e := &l[i]
		e.MTime = mtime.Unix()
		up, name := split(e.Path)
		fd, err := c.enter(up)
		if err != nil {
			return err
		}
		switch e.Kind {
		case Dir:
			err = unix.Mkdirat(fd, name, 0o700)
		case Symlink:
			err = putSymlink(fd, name, e.Link, mtime.Unix())
		default:
			err = readSource(fsys, e, func(r io.Reader) error {
				_, err := putFile(fd, name, e.Mode, mtime.Unix(), r, e.Size, buf)
				return err
			})
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", quoteName(e.Path), err)
		}
	}
	if err := SetDirs(dir, l); err != nil {
		return err
	}
	root, err := c.enter(".")
	if err != nil {
		return err
	}
	return finishDir(root, 0o755, mtime.Unix())
}

// PackSource writes a source tree as a canonical tar of the view that
// Materialize makes, sorted, owners 0:0, without the root. Unpack reads it.
func PackSource(w io.Writer, fsys fs.FS, mtime time.Time) error {
	l, err := sourceEntries(fsys)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	buf := make([]byte, bufferSize)
	for i := range l {
		e := &l[i]
		e.MTime = mtime.Unix()
		if e.Kind == File {
			err = readSource(fsys, e, func(r io.Reader) error {
				if err := packEntry(tw, *e, e.Path); err != nil {
					return err
				}
				return copySource(tw, r, e.Size, buf)
			})
		} else {
			name := e.Path
			if e.Kind == Dir {
				name += "/"
			}
			err = packEntry(tw, *e, name)
		}
		if err != nil {
			return fmt.Errorf("pack %s: %w", quoteName(e.Path), err)
		}
	}
	return tw.Close()
}

func packEntry(tw *tar.Writer, e Entry, name string) error {
	h, err := tarHeader(e, name)
	if err != nil {
		return err
	}
	return tw.WriteHeader(h)
}
