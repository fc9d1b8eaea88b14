package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Reader reads a tar stream as entries and refuses what could be unsafe: see
// Next. Nothing is written anywhere; the same checks serve those who unpack and
// those who only list.
type Reader struct {
	tr     *tar.Reader
	meter  *meter
	limits Limits
	layer  bool
	rename func(string) string

	header *tar.Header
	at     string // the latest member's name, for errors
	left   int64  // bytes of the current file not yet read
	seen   map[string]*Entry
	bytes  int64
	names  int64
}

// NewReader returns a Reader of an uncompressed tar. Names that have a meaning
// in layers (.wh.…) have none here.
func NewReader(r io.Reader, l Limits) *Reader {
	m := &meter{r: r, total: l.Stream() + maxTrailer + 1}
	return &Reader{tr: tar.NewReader(m), meter: m, limits: l.orDefault(), seen: make(map[string]*Entry)}
}

// NewLayerReader returns a Reader of an uncompressed OCI layer: whiteouts come
// as entries of kind Whiteout and Opaque.
func NewLayerReader(r io.Reader, l Limits) *Reader {
	lr := NewReader(r, l)
	lr.layer = true
	return lr
}

// Next returns the next entry, with Digest unset, or io.EOF after the last. A
// hard link comes with the attributes of its target; one to a symlink comes as
// a symlink. The tar's own root entry comes with path ".".
//
// Errors wrap ErrUnsafe for names that are absolute, hold "..", stand twice or
// lie below an entry that is no directory, and for hard links to anything but an
// earlier file of the archive; ErrLimit for what Limits bounds and for sparse
// files, whose size costs the archive nothing.
func (r *Reader) Next() (Entry, error) {
	for {
		if err := r.skip(); err != nil {
			return Entry{}, err
		}
		r.meter.header()
		h, err := r.tr.Next()
		r.meter.content()
		if err == io.EOF {
			return Entry{}, r.trailer()
		}
		if err != nil {
			return Entry{}, r.fail(err)
		}
		r.header, r.at = h, h.Name
		e, err := r.entry(h)
		if err != nil {
			return Entry{}, err
		}
		if e.Path == "" {
			continue
		}
		if e.Kind == File {
			r.left = e.Size
		}
		return e, nil
	}
}

// Header returns the tar header of the entry that Next returned last, for what
// an Entry does not hold (the names of owners). It must not be changed.
func (r *Reader) Header() *tar.Header { return r.header }

// Read reads the current file's bytes; io.EOF comes after Size of them.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.tr.Read(p)
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = r.fail(err)
	}
	return n, err
}

// skip reads the rest of the current file, so that what the next header takes
// can be metered.
func (r *Reader) skip() error {
	if r.left == 0 {
		return nil
	}
	_, err := io.Copy(io.Discard, struct{ io.Reader }{r})
	return err
}

// trailer reads to the end of the stream, so that its reader has seen each
// byte and a decompressor its checksum.
func (r *Reader) trailer() error {
	var buf [4096]byte
	for total := 0; ; {
		n, err := r.meter.Read(buf[:])
		total += n
		if slices.ContainsFunc(buf[:n], func(b byte) bool { return b != 0 }) {
			return r.fail(errors.New("data after the end of the archive"))
		}
		if total > maxTrailer {
			return r.fail(fmt.Errorf("%w: size: padding of more than %d bytes", ErrLimit, maxTrailer))
		}
		if err == io.EOF {
			return io.EOF
		}
		if err != nil {
			return r.fail(err)
		}
	}
}

func (r *Reader) fail(err error) error {
	if r.at == "" {
		return fmt.Errorf("tar: first entry: %w", err)
	}
	return fmt.Errorf("tar: at or after %s: %w", quoteName(r.at), err)
}

// entry checks one header and turns it into an entry; Path is empty for one to leave out.
func (r *Reader) entry(h *tar.Header) (Entry, error) {
	if len(r.seen) >= r.limits.Entries {
		return Entry{}, fmt.Errorf("%w: entries: more than %d", ErrLimit, r.limits.Entries)
	}
	e, err := r.fromHeader(h)
	if err != nil || e.Path == "" {
		return Entry{}, err
	}
	if e.Path != "." {
		if err := checkDepth(e.Path, r.limits.Depth); err != nil {
			return e, err
		}
	}
	if r.bytes += e.Size; r.bytes > r.limits.Bytes {
		return e, fmt.Errorf("%w: size: %s: files of more than %d bytes together", ErrLimit, quoteName(e.Path), r.limits.Bytes)
	}
	if r.layer {
		if err := fromWhiteout(&e); err != nil {
			return e, err
		}
	}
	return r.place(h, e)
}

// implicit marks a directory that has entries below it and none of its own yet.
const implicit = 1 << 31

// place puts e among the entries seen and checks it against them.
func (r *Reader) place(h *tar.Header, e Entry) (Entry, error) {
	if e.Kind == HardLink {
		target, err := r.linkTarget(h)
		if err != nil {
			return e, err
		}
		path := e.Path
		e = *target
		e.Path = path
		if e.Kind == File {
			e.Kind, e.Link, e.Size, e.Xattrs = HardLink, target.Path, 0, nil
		}
	}
	if old := r.seen[e.Path]; old != nil && old.Mode != implicit {
		if r.rename != nil && old.Kind == Dir && e.Kind == Dir {
			return Entry{}, nil // two directories were renamed to one: the first one counts
		}
		return e, refuse(e.Path, "stands twice")
	} else if old != nil && e.Kind != Dir {
		return e, refuse(e.Path, "has entries below it and is no directory")
	}
	for dir, _ := split(e.Path); dir != "."; dir, _ = split(dir) {
		up := r.seen[dir]
		if up == nil {
			up = &Entry{Path: dir, Kind: Dir, Mode: implicit}
			r.seen[dir] = up
			continue
		}
		if up.Kind != Dir {
			return e, refuse(e.Path, "leads through "+quoteName(dir)+", a "+up.Kind.String())
		}
		break
	}
	if r.names += int64(len(e.Path) + len(e.Link)); r.names > maxNames {
		return e, fmt.Errorf("%w: size: names of more than %d bytes together", ErrLimit, maxNames)
	}
	r.seen[e.Path] = &e
	return e, nil
}
