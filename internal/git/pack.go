package git

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
)

const (
	maxLink  = 4095            // bytes of a symlink's target, as Linux has it
	maxEpoch = 253_402_300_799 // the end of the year 9999
)

// pack writes the tar of what was asked for, in that order, from git's replies.
func (p *packer) pack(asked <-chan []object, replies io.Reader, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, 128<<10)
	w := &writer{
		tar: tar.NewWriter(buffered), in: bufio.NewReaderSize(replies, 128<<10),
		when: time.Unix(p.epoch, 0), buf: make([]byte, 64<<10),
	}
	for batch := range asked {
		for _, o := range batch {
			if err := w.add(o); err != nil {
				return err
			}
		}
	}
	if err := w.tar.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

type writer struct {
	tar  *tar.Writer
	in   *bufio.Reader
	when time.Time
	buf  []byte
	dirs []string // that have nothing in them yet, outermost first
}

// add writes one object. Directories wait for something in them: git keeps no
// empty ones, and makes none.
func (w *writer) add(o object) error {
	for n := len(w.dirs); n > 0 && !strings.HasPrefix(o.path, w.dirs[n-1]+"/"); n-- {
		w.dirs = w.dirs[:n-1]
	}
	if o.kind == "tree" {
		w.dirs = append(w.dirs, o.path)
		return nil
	}
	for _, dir := range w.dirs {
		if err := w.header(dir, tar.TypeDir, 0o755, 0, ""); err != nil {
			return err
		}
	}
	w.dirs = w.dirs[:0]
	if o.mode == modeGitlink {
		return w.header(o.path, tar.TypeDir, 0o755, 0, "")
	}
	size, err := w.reply(o.id)
	if err != nil {
		return err
	}
	switch o.mode {
	case modeLink:
		if size > maxLink {
			return fmt.Errorf("%w: symlink %q: target of %d bytes, at most %d", tree.ErrLimit, clean(o.path, 200), size, maxLink)
		}
		target := w.buf[:size]
		if _, err := io.ReadFull(w.in, target); err != nil {
			return err
		}
		if size == 0 || strings.IndexByte(string(target), 0) >= 0 {
			return fmt.Errorf("%w: symlink %q: target %q", tree.ErrUnsafe, clean(o.path, 200), clean(string(target), 80))
		}
		err = w.header(o.path, tar.TypeSymlink, 0o777, 0, string(target))
	case modeProgram:
		err = w.file(o.path, 0o755, size)
	default:
		err = w.file(o.path, 0o644, size)
	}
	if err != nil {
		return err
	}
	if end, err := w.in.ReadByte(); err != nil || end != '\n' {
		return fmt.Errorf("git cat-file: %s: does not end where it should", o.id)
	}
	return nil
}

// reply reads the line before an object's bytes: «ID blob SIZE».
func (w *writer) reply(id string) (int64, error) {
	line, err := w.in.ReadSlice('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, fmt.Errorf("git cat-file: %s: %w", id, err)
	}
	rest, ok := strings.CutPrefix(string(line), id+" blob ")
	size, err := strconv.ParseInt(strings.TrimSuffix(rest, "\n"), 10, 64)
	if !ok || err != nil || size < 0 {
		return 0, fmt.Errorf("git cat-file: %s: want a blob, got %q", id, clean(string(line), 120))
	}
	return size, nil
}

func (w *writer) header(name string, kind byte, mode, size int64, target string) error {
	if kind == tar.TypeDir {
		name += "/"
	}
	return w.tar.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: mode, Size: size, ModTime: w.when})
}

func (w *writer) file(name string, mode, size int64) error {
	if err := w.header(name, tar.TypeReg, mode, size, ""); err != nil {
		return err
	}
	for size > 0 {
		n, err := io.ReadFull(w.in, w.buf[:min(size, int64(len(w.buf)))])
		if err != nil {
			return err
		}
		if _, err := w.tar.Write(w.buf[:n]); err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// committerDate finds the committer's seconds in the text of a commit object:
// «committer NAME <MAIL> SECONDS ZONE» in its head.
func committerDate(text string) (int64, error) {
	head, _, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(head) {
		rest, ok := strings.CutPrefix(line, "committer ")
		if !ok {
			continue
		}
		i := strings.LastIndexByte(rest, '>')
		when, _, _ := strings.Cut(strings.TrimSpace(rest[i+1:]), " ")
		epoch, err := strconv.ParseInt(when, 10, 64)
		if err != nil || epoch < 0 || epoch > maxEpoch {
			return 0, fmt.Errorf("committer's date %q: not taken", clean(when, 40))
		}
		return epoch, nil
	}
	return 0, errors.New("no committer")
}
