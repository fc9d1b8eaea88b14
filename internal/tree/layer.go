package tree

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Capture says what WriteLayer reads.
type Capture struct {
	Dir string // on the host; its root is not part of the layer, all below it is

	// Owners holds what the disk can't: uid, gid, setuid and setgid bits, and
	// extended attributes, by path. They count where the kind is the same too
	// (a file and a hard link are one kind); other paths are 0:0 without such
	// bits. All else comes from the disk.
	Owners map[string]Entry

	// Clamp, in seconds since 1970: later times become this one.
	Clamp int64

	// Overlay: Dir is the upper directory of an overlay mounted with
	// userxattr, so character devices 0:0 and opaque directories are whiteouts.
	Overlay bool

	// Lower, with Overlay, holds the ledgers of the layers below, bottom
	// first. Whiteouts and opaque markers that hide nothing in them are left
	// out: the kernel marks new directories opaque as an optimisation that
	// depends on its version and the file system, which must not reach the
	// layer. nil: unknown, all are kept.
	Lower []Ledger
}

// WriteLayer writes the tree as an uncompressed, canonical OCI layer and returns
// its ledger. The entries stand in the ledger's order, bytewise by path; of
// several hard links the first path carries the bytes. The attributes user.overlay.*
// are left out, devices and sockets refused, and so are names that begin with
// .wh., which would delete. The tree must not change meanwhile; a file that does
// is an error.
func WriteLayer(ctx context.Context, w io.Writer, c Capture) (_ Ledger, err error) {
	cur, err := newCursor(c.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cur.close()) }()
	nodes, err := walk(ctx, cur, c.Overlay)
	if err != nil {
		return nil, fmt.Errorf("capture %s: %w", c.Dir, err)
	}
	bw := bufio.NewWriterSize(w, 1<<20)
	lw := &layerWriter{
		cursor: cur, tar: tar.NewWriter(bw), capture: c,
		first: make(map[inode]string), buf: make([]byte, bufferSize),
		ledger: make(Ledger, 0, len(nodes)),
	}
	for i := range nodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := lw.add(ctx, &nodes[i]); err != nil {
			return nil, fmt.Errorf("capture %s: %w", c.Dir, err)
		}
	}
	if err := lw.tar.Close(); err != nil {
		return nil, err
	}
	if err := bw.Flush(); err != nil {
		return nil, err
	}
	return lw.ledger, nil
}

type layerWriter struct {
	cursor  *cursor
	tar     *tar.Writer
	capture Capture
	first   map[inode]string // of files with several links, the path that carries the bytes
	buf     []byte
	ledger  Ledger
}

func (w *layerWriter) add(ctx context.Context, n *node) error {
	e := n.Entry
	dir, name := split(e.Path)
	switch e.Kind {
	case Whiteout:
		if w.capture.Lower != nil && lowerKind(w.capture.Lower, e.Path) == 0 {
			return nil
		}
	case Opaque:
		if w.capture.Lower != nil && dir != "." && lowerKind(w.capture.Lower, dir) != Dir {
			return nil
		}
	default:
		if strings.HasPrefix(name, whiteoutPrefix) {
			return fmt.Errorf("%s: a name that means a whiteout in a layer", quoteName(e.Path))
		}
		w.own(&e)
	}
	fd, err := w.cursor.enter(dir)
	if err != nil {
		return err
	}
	switch {
	case e.Kind == Symlink:
		if e.Link, err = readlink(fd, name); err != nil {
			return fmt.Errorf("%s: %w", quoteName(e.Path), err)
		}
	case e.Kind == File && n.many:
		if first, ok := w.first[n.id]; ok {
			e.Kind, e.Link, e.Size, e.Xattrs = HardLink, first, 0, nil
			carrier, _ := w.ledger.Find(first)
			e.Mode, e.UID, e.GID = carrier.Mode, carrier.UID, carrier.GID
		} else {
			w.first[n.id] = e.Path
		}
	}
	h, err := tarHeader(e, tarName(e))
	if err != nil {
		return err
	}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", quoteName(e.Path), err)
	}
	if e.Kind == File {
		e.Digest, err = copyFile(ctx, w.tar, fd, name, n, w.buf)
		if err != nil {
			return fmt.Errorf("%s: %w", quoteName(e.Path), err)
		}
	}
	w.ledger = append(w.ledger, e)
	return nil
}

// own sets what the disk doesn't know of an entry, and its clamped time.
func (w *layerWriter) own(e *Entry) {
	e.MTime = min(e.MTime, w.capture.Clamp)
	e.Mode = diskMode(e.Mode)
	o, ok := w.capture.Owners[e.Path]
	if o.Kind == HardLink {
		o.Kind = File
	}
	if !ok || o.Kind != e.Kind {
		return
	}
	e.UID, e.GID = o.UID, o.GID
	for k, v := range o.Xattrs {
		if strings.HasPrefix(k, "user.overlay.") {
			continue
		}
		if e.Xattrs == nil {
			e.Xattrs = make(map[string]string)
		}
		e.Xattrs[k] = v
	}
	if e.Kind != Symlink {
		e.Mode |= o.Mode & 0o6000
	}
}

// copyFile writes the bytes of a file that walk found and returns their digest.
func copyFile(ctx context.Context, w io.Writer, dirfd int, name string, n *node, buf []byte) (digest.Digest, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Openat(dirfd, name, flags, 0)
	if errors.Is(err, unix.EACCES) {
		fd, err = openBarred(dirfd, name, flags, 0o400)
	}
	if err != nil {
		return digest.Digest{}, err
	}
	defer unix.Close(fd)
	h := digest.NewHasher()
	for left := n.Size; left > 0; {
		if err := ctx.Err(); err != nil {
			return digest.Digest{}, err
		}
		k, err := unix.Read(fd, buf[:min(left, int64(len(buf)))])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return digest.Digest{}, err
		}
		if k == 0 {
			return digest.Digest{}, errChanged
		}
		left -= int64(k)
		h.Write(buf[:k])
		if _, err := w.Write(buf[:k]); err != nil {
			return digest.Digest{}, err
		}
	}
	// One more stat instead of a second read to find that nothing was added.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return digest.Digest{}, err
	}
	now, err := fromStat(&st)
	if err != nil || now.id != n.id || now.Size != n.Size || now.MTime != n.MTime || now.nsec != n.nsec {
		return digest.Digest{}, errChanged
	}
	return h.Digest(), nil
}

var errChanged = errors.New("changed while it was read")
