package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/store/digest"
)

// The text that a source tree's digest covers:
//
//	pbuild tree 1
//	f ⇥ SHA256 ⇥ PATH          file
//	x ⇥ SHA256 ⇥ PATH          file with the owner's executable bit
//	d ⇥ PATH                   directory
//	l ⇥ TARGET ⇥ PATH          symlink
//
// one line a path, sorted bytewise by path, without the root; strings quoted as
// in a ledger. A line is added to digests only with a new number in the first.
const sourceHead = "pbuild tree 1\n"

// Digest returns the digest of a source tree: of its paths, kinds, executable
// bits, bytes and link targets, as the text in this file's head. Everything in
// fsys counts, an empty directory and .git too. Devices, fifos and sockets are
// errors, as are names that are not UTF-8, which an fs.FS can't open.
//
// fsys should be an os.Root's FS, which can't be left through symlinks; it
// must implement fs.ReadLinkFS if the tree holds symlinks.
func Digest(fsys fs.FS) (digest.Digest, error) {
	d, _, err := DigestKeep(fsys)
	return d, err
}

// sourceBuffers hold what is read: most trees are small, and there may be many.
var sourceBuffers = sync.Pool{New: func() any { b := make([]byte, 8<<10); return &b }}

// maxKept bounds a file that DigestKeep keeps, in bytes.
const maxKept = 16 << 20

// DigestKeep is Digest, and returns the bytes of those of the named files that are
// there as files, not as symlinks, as they went into the digest. One of over 16 MiB
// is an error.
func DigestKeep(fsys fs.FS, names ...string) (digest.Digest, map[string][]byte, error) {
	l, err := sourceEntries(fsys)
	if err != nil {
		return digest.Digest{}, nil, err
	}
	each := inTurn
	if len(l) > manyEntries {
		each = parallel.Each
	}
	errs := make([]error, len(l))
	var failed atomic.Bool
	var mu sync.Mutex // guards kept
	kept := make(map[string][]byte, len(names))
	each(len(l), func(i int) {
		e := &l[i]
		if e.Kind != File || failed.Load() {
			return
		}
		var keep *bytes.Buffer
		if slices.Contains(names, e.Path) {
			keep = new(bytes.Buffer)
		}
		if errs[i] = digestSource(fsys, e, keep); errs[i] != nil {
			failed.Store(true)
		} else if keep != nil {
			mu.Lock()
			defer mu.Unlock()
			kept[e.Path] = keep.Bytes()
		}
	})
	for i, err := range errs {
		if err != nil {
			return digest.Digest{}, nil, fmt.Errorf("source: %s: %w", quoteName(l[i].Path), err)
		}
	}
	text := digest.NewHasher()
	text.Write([]byte(sourceHead))
	var line []byte
	for _, e := range l {
		line = append(line[:0], byte(e.Kind), '\t')
		switch e.Kind {
		case File:
			if e.Mode&0o100 != 0 {
				line[0] = 'x'
			}
			line = append(e.Digest.AppendHex(line), '\t')
		case Symlink:
			line = append(appendField(line, e.Link), '\t')
		}
		text.Write(append(appendField(line, e.Path), '\n'))
	}
	return text.Digest(), kept, nil
}

// manyEntries is from where a tree is read on all processors. A smaller one takes
// them from its neighbours, which are read at the same time.
const manyEntries = 256

func inTurn(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

// digestSource sets size, mode and digest of a file, and appends its bytes to keep;
// nil: to nothing.
func digestSource(fsys fs.FS, e *Entry, keep *bytes.Buffer) error {
	buf := sourceBuffers.Get().(*[]byte)
	defer sourceBuffers.Put(buf)
	h := digest.NewHasher()
	err := readSource(fsys, e, func(f io.Reader) error {
		if keep != nil && e.Size > maxKept {
			return fmt.Errorf("%d bytes: more than %d", e.Size, maxKept)
		}
		if most := min(bufferSize, e.Size+1); int64(len(*buf)) < most {
			*buf = make([]byte, most)
		}
		w := io.Writer(h)
		if keep != nil {
			keep.Grow(int(e.Size))
			w = io.MultiWriter(h, keep)
		}
		return copySource(w, f, e.Size, *buf)
	})
	e.Digest = h.Digest()
	return err
}

// readSource opens a file, completes its entry, and hands the bytes to use.
func readSource(fsys fs.FS, e *Entry, use func(io.Reader) error) error {
	f, err := fsys.Open(e.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errChanged
	}
	if err != nil {
		return err
	}
	if info.Size() > defaultBytes { // a sparse one costs who sent it nothing
		return fmt.Errorf("%w: size: more than %d bytes", ErrLimit, int64(defaultBytes))
	}
	e.Size, e.Mode = info.Size(), 0o644
	if info.Mode()&0o100 != 0 {
		e.Mode = 0o755
	}
	return use(f)
}

// copySource copies a file of this size through buf. It asks for a byte more, so
// that one call sees that a small file ends where it said.
func copySource(w io.Writer, r io.Reader, size int64, buf []byte) error {
	for left := size; ; {
		p := buf[:min(left+1, int64(len(buf)))]
		n, err := r.Read(p)
		if left -= int64(n); left < 0 {
			return errChanged
		}
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		switch {
		case left == 0 && (err == io.EOF || err == nil && n < len(p)):
			return nil
		case err == io.EOF:
			return errChanged
		case err != nil:
			return err
		}
	}
}

// sourceEntries lists a source tree in its normal view: directories 0755, owners
// 0:0, no times, no hard links. Size and mode of files come with readSource.
func sourceEntries(fsys fs.FS) (Ledger, error) {
	var l Ledger
	var list func(dir string) error
	list = func(dir string) error {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		for _, d := range entries {
			name := path.Join(dir, d.Name())
			if err := checkDepth(name, defaultDepth); err != nil {
				return fmt.Errorf("source: %w", err)
			}
			if len(l) == defaultEntries {
				return fmt.Errorf("source: %w: entries: more than %d", ErrLimit, defaultEntries)
			}
			e, err := sourceEntry(fsys, name, d)
			if err != nil {
				return fmt.Errorf("source: %s: %w", quoteName(name), err)
			}
			l = append(l, e)
			if e.Kind == Dir {
				if err := list(name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := list("."); err != nil {
		return nil, err
	}
	l.Sort()
	return l, nil
}

func sourceEntry(fsys fs.FS, path string, d fs.DirEntry) (Entry, error) {
	e := Entry{Path: path}
	if !utf8.ValidString(path) {
		return e, errors.New("a name that is not UTF-8")
	}
	switch t := d.Type(); {
	case t.IsRegular():
		e.Kind = File
	case t.IsDir():
		e.Kind, e.Mode = Dir, 0o755
	case t&fs.ModeSymlink != 0:
		target, err := fs.ReadLink(fsys, path)
		if err != nil {
			return e, err
		}
		e.Kind, e.Mode, e.Link = Symlink, 0o777, target
	case t&fs.ModeNamedPipe != 0:
		return e, errors.New("a fifo can't be part of a source")
	case t&fs.ModeSocket != 0:
		return e, errors.New("a socket can't be part of a source")
	case t&fs.ModeDevice != 0:
		return e, errors.New("a device can't be part of a source")
	default:
		return e, fmt.Errorf("a file of type %v can't be part of a source", t)
	}
	return e, checkEntry(e)
}
