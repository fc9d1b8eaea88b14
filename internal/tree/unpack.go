package tree

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// UnpackOptions changes how an archive is unpacked; the zero value is right for
// one archive into an empty directory.
type UnpackOptions struct {
	Limits Limits

	// Rename maps each path, also those that hard links name, before it is
	// checked: "bin/sh" → "usr/bin/sh" where /bin is a link, "etc/x" →
	// "etc/x.dpkg-new". "" leaves the entry out. Directories that are renamed
	// to one are one: the first counts. nil: no renaming.
	Rename func(path string) string

	// Shared: several archives are unpacked into dir, at the same time or one
	// after another; a directory that is there already is used. Modes and
	// times of directories stay unset until SetDirs is called with the ledger
	// of all. Any other path that is there already is still an error.
	Shared bool
}

// UnpackLayer unpacks an uncompressed OCI layer into the existing directory dir
// and returns its ledger, files with their digests. r is read to its end. dir
// should be empty, private (0700) and the caller's own; on an error it holds a
// part, for the caller to remove.
//
// What the disk can't hold stays in the ledger: owners, setuid and setgid
// bits, devices, extended attributes, and whatever the archive says of the
// root itself, which on disk keeps the caller's mode. Whiteouts become
// character devices 0:0 and user.overlay.opaque (Linux ≥ 5.8 lets anybody make
// both), or names where the file system takes them not. Directories without an entry of their own get 0755, 0:0, time 0.
//
// Errors wrap ErrUnsafe, ErrLimit (see Reader), ctx.Err() or the system's.
func UnpackLayer(ctx context.Context, r io.Reader, dir string, o UnpackOptions) (Ledger, error) {
	return unpack(ctx, NewLayerReader(r, o.Limits), dir, o)
}

// Unpack is UnpackLayer for a plain tar, such as a package's data.tar or what
// PackSource wrote: a name that begins with .wh. is a name like others.
func Unpack(ctx context.Context, r io.Reader, dir string, o UnpackOptions) (Ledger, error) {
	return unpack(ctx, NewReader(r, o.Limits), dir, o)
}

func unpack(ctx context.Context, r *Reader, dir string, o UnpackOptions) (_ Ledger, err error) {
	r.rename = o.Rename
	c, err := newCursor(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	u := &unpacker{cursor: c, reader: r, shared: o.Shared, dirs: make(map[string]int), behind: newBehind()}
	err = u.all(ctx)
	u.held.leave()
	// What went wrong behind the reader came first.
	if behind := u.behind.end(); behind != nil && ctx.Err() == nil {
		err = behind
	}
	if err != nil {
		return nil, err
	}
	for _, f := range u.behind.made {
		u.ledger[f.place].Digest = f.digest
	}
	u.ledger.Sort()
	if !o.Shared {
		if err := SetDirs(dir, u.ledger); err != nil {
			return nil, err
		}
	}
	return u.ledger, nil
}

type unpacker struct {
	cursor *cursor
	reader *Reader
	shared bool
	ledger Ledger
	dirs   map[string]int // directories made, also the implicit ones → place in the ledger
	buf    []byte         // for large files, when there is one
	behind *behind
	held   *heldDir // where the last small file went
}

func (u *unpacker) all(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if u.behind.failed.Load() {
			return u.behind.drain()
		}
		e, err := u.reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.add(e); err != nil {
			return err
		}
	}
}

// add puts one entry on disk and into the ledger.
func (u *unpacker) add(e Entry) error {
	if e.Kind == Dir {
		if i, ok := u.dirs[e.Path]; ok {
			u.ledger[i] = e
			return nil
		}
	}
	if e.Path != "." {
		dir, name := split(e.Path)
		fd, err := u.parent(dir)
		if err != nil {
			return err
		}
		if err := u.put(fd, name, &e); err != nil {
			return unpackError(e.Path, err)
		}
	}
	u.record(e)
	return nil
}

// unpackError names the entry that an error is about.
func unpackError(path string, err error) error {
	if b := new(behindError); errors.As(err, &b) {
		return err
	}
	return fmt.Errorf("unpack %s: %w", quoteName(path), thereAlready(err))
}

// thereAlready says what EEXIST means here.
func thereAlready(err error) error {
	if errors.Is(err, unix.EEXIST) {
		return errors.New("is there already")
	}
	return err
}

func (u *unpacker) record(e Entry) {
	if e.Kind == Dir {
		u.dirs[e.Path] = len(u.ledger)
	}
	u.ledger = append(u.ledger, e)
}

// parent enters a directory and makes what is missing of it.
func (u *unpacker) parent(dir string) (int, error) {
	fd, err := u.cursor.enter(dir)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	// Perhaps a file of that name is not made yet.
	if err := u.behind.drain(); err != nil {
		return -1, err
	}
	if fd, err = u.cursor.enter(dir); !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	up, name := split(dir)
	if fd, err = u.parent(up); err != nil {
		return -1, err
	}
	e := Entry{Path: dir, Kind: Dir, Mode: 0o755}
	if err := u.put(fd, name, &e); err != nil {
		return -1, unpackError(dir, err)
	}
	u.record(e)
	return u.cursor.enter(dir)
}

// put makes e in the directory behind fd, and sets e.Digest of a large file.
func (u *unpacker) put(fd int, name string, e *Entry) (err error) {
	switch e.Kind {
	case File:
		// A barred directory is one only as long as the cursor is there.
		if e.Size <= maxBehind && !u.cursor.levels[len(u.cursor.levels)-1].barred {
			return u.putBehind(fd, name, *e)
		}
		if u.buf == nil {
			u.buf = make([]byte, bufferSize)
		}
		e.Digest, err = putFile(fd, name, e.Mode, e.MTime, u.reader, e.Size, u.buf)
		return err
	case Dir:
		// 0700 whatever the recorded mode: it has to be filled first.
		err := unix.Mkdirat(fd, name, 0o700)
		if !u.shared || !errors.Is(err, unix.EEXIST) {
			return err
		}
		there, err := stat(fd, name)
		if err == nil && there.Kind != Dir {
			return refuse(e.Path, "is there already, as a "+there.Kind.String())
		}
		return err
	case Symlink:
		return putSymlink(fd, name, e.Link, e.MTime)
	case HardLink:
		if err := u.behind.drain(); err != nil {
			return err
		}
		return u.link(fd, name, e.Link)
	case FIFO:
		if err := unix.Mknodat(fd, name, unix.S_IFIFO|0o600, 0); err != nil {
			return err
		}
		// Just made in a private directory: no symlink to follow.
		if err := unix.Fchmodat(fd, name, diskMode(e.Mode), 0); err != nil {
			return err
		}
		return setTime(fd, name, e.MTime)
	case Whiteout:
		return putWhiteout(u.cursor.levels[0].fd, fd, name)
	case Opaque:
		return putOpaque(u.cursor.levels[0].fd, fd)
	case CharDev, BlockDev:
		return nil // in the ledger only
	}
	return fmt.Errorf("%s can't be unpacked", e.Kind)
}

// putBehind lets a small file be made in the directory behind fd, where the cursor
// is; entries of one directory mostly follow each other.
func (u *unpacker) putBehind(fd int, name string, e Entry) error {
	if dir, _ := split(e.Path); u.held == nil || u.held.path != dir {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		u.held.leave()
		u.held = &heldDir{path: dir, fd: own}
		u.held.users.Store(1)
	}
	return u.behind.add(u.held, name, e, len(u.ledger), u.reader)
}

// link makes a hard link to an earlier file. The target's directory is opened
// by a cursor of its own, since fd must stay open.
func (u *unpacker) link(fd int, name, target string) (err error) {
	c := &cursor{levels: u.cursor.levels[:1:1]}
	dir, from := split(target)
	tfd, err := c.enter(dir)
	if err == nil {
		err = unix.Linkat(tfd, from, fd, name, 0)
	}
	return errors.Join(err, c.leave(1))
}
