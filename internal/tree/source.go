package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

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
	l, err := sourceEntries(fsys)
	if err != nil {
		return digest.Digest{}, err
	}
	text := digest.NewHasher()
	text.Write([]byte(sourceHead))
	var largest int64
	for _, e := range l {
		largest = max(largest, e.Size)
	}
	buf := make([]byte, min(bufferSize, largest+1)) // most trees are small, and there may be many
	var line []byte
	for _, e := range l {
		line = append(line[:0], byte(e.Kind), '\t')
		switch e.Kind {
		case File:
			d, err := hashSource(fsys, e, buf)
			if err != nil {
				return digest.Digest{}, err
			}
			if e.Mode&0o100 != 0 {
				line[0] = 'x'
			}
			line = append(append(line, d.Hex()...), '\t')
		case Symlink:
			line = append(appendField(line, e.Link), '\t')
		}
		text.Write(append(appendField(line, e.Path), '\n'))
	}
	return text.Digest(), nil
}

func hashSource(fsys fs.FS, e Entry, buf []byte) (digest.Digest, error) {
	h := digest.NewHasher()
	err := readSource(fsys, e, func(r io.Reader) error {
		n, err := io.CopyBuffer(h, r, buf)
		if err == nil && n != e.Size {
			err = errChanged
		}
		return err
	})
	if err != nil {
		return digest.Digest{}, fmt.Errorf("source: %s: %w", quoteName(e.Path), err)
	}
	return h.Digest(), nil
}

// readSource hands the bytes of a file to use.
func readSource(fsys fs.FS, e Entry, use func(io.Reader) error) error {
	f, err := fsys.Open(e.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != e.Size) {
		err = errChanged
	}
	if err != nil {
		return err
	}
	// Hide WriteTo and ReadFrom: the caller's buffer is to be used.
	return use(struct{ io.Reader }{f})
}

// sourceEntries lists a source tree in its normal view: modes 0755 and 0644,
// owners 0:0, no times, no hard links.
func sourceEntries(fsys fs.FS) (Ledger, error) {
	var l Ledger
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if path == "." {
			if !d.IsDir() {
				return errors.New("source: not a directory")
			}
			return nil
		}
		if err := checkDepth(path, defaultDepth); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		if len(l) == defaultEntries {
			return fmt.Errorf("source: %w: entries: more than %d", ErrLimit, defaultEntries)
		}
		e, err := sourceEntry(fsys, path, d)
		if err != nil {
			return fmt.Errorf("source: %s: %w", quoteName(path), err)
		}
		l = append(l, e)
		return nil
	})
	l.Sort()
	return l, err
}

func sourceEntry(fsys fs.FS, path string, d fs.DirEntry) (Entry, error) {
	e := Entry{Path: path, Mode: 0o644}
	if !utf8.ValidString(path) {
		return e, errors.New("a name that is not UTF-8")
	}
	switch t := d.Type(); {
	case t.IsRegular():
		info, err := d.Info()
		if err != nil {
			return e, err
		}
		if !info.Mode().IsRegular() {
			return e, errChanged
		}
		e.Kind, e.Size = File, info.Size()
		if info.Mode()&0o100 != 0 {
			e.Mode = 0o755
		}
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
