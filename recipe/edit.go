package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Edit changes whole lines of a file of the main source before anything reads it. A
// line that is not there as often as Count says is an error: the file is not the one
// that the edit was written for.
type Edit struct {
	File  string  // path in the main source
	Line  string  // as it stands there, without the line's end, which is \n or \r\n
	With  *string // what takes its place; nil: nothing does, the line goes
	Count int     // how often the line stands there

	at yamldoc.Position
}

// parseEdits reads FILE: [{delete: LINE}, {replace: LINE, with: LINE, count: 2}]. The
// edits of a file are made in their order.
func parseEdits(v yamldoc.Value) (all []Edit) {
	for _, file := range v.Entries() {
		name := yamldoc.As(file.Key, parseInside)
		list := file.Value.List()
		if list != nil && len(list) == 0 {
			file.Value.Errorf("want at least one")
		}
		for _, one := range list {
			f := one.Fields("delete", "replace", "with", "count")
			kind, line := f.One("delete", "replace")
			e := Edit{File: name, Line: yamldoc.As(line, parseEditLine), Count: 1, at: one.Position()}
			if kind == "replace" {
				with := yamldoc.As(f.Need("with"), parseNewLine)
				e.With = &with
			} else if w := f.Get("with"); kind == "delete" && w.Present() {
				w.Errorf("belongs to replace")
			}
			if c := f.Get("count"); c.Present() {
				e.Count = int(c.Int(1, 1<<20))
			}
			all = append(all, e)
		}
	}
	// Of several files the order makes no difference, and must make none in the key.
	slices.SortStableFunc(all, func(a, b Edit) int { return strings.Compare(a.File, b.File) })
	return all
}

// parseEditLine checks a line that is looked for.
func parseEditLine(s string) (string, error) {
	if s == "" {
		return "", errors.New("want a line that is not empty")
	}
	return parseNewLine(s)
}

// parseNewLine checks a line of a text file.
func parseNewLine(s string) (string, error) {
	if len(s) > 4096 || strings.ContainsFunc(s, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
		return "", errors.New("want one line of at most 4096 bytes")
	}
	return s, nil
}

func (e Edit) field() Field {
	values := []string{e.File, strconv.Itoa(e.Count), e.Line}
	if e.With != nil {
		values = append(values, *e.With)
	}
	return Field{"edit", values}
}

// maxEdited bounds a file that is edited, before and after, in bytes.
const maxEdited = 4 << 20

// Edited returns the main source with the edits made: a view of files, an os.Root's
// FS or one like it. Without edits that is files itself. The error says where in
// recipe.yaml an edit stands that can't be made.
func (b *Build) Edited(files fs.FS) (fs.FS, error) {
	if len(b.Edits) == 0 {
		return files, nil
	}
	out := edited{files.(linkFS), map[string][]byte{}}
	for _, e := range b.Edits {
		text, err := out.texts[e.File], error(nil)
		if text == nil {
			text, err = readEdited(files, e.File)
		}
		if err == nil {
			text, err = e.apply(text)
		}
		if err != nil {
			return nil, e.at.Errorf("edits: %s in source %s: %w", e.File, Main, inner(err))
		}
		out.texts[e.File] = text
	}
	return out, nil
}

// readEdited reads a file by its own path: no symbolic link is on it, for whoever
// walks the tree finds the file elsewhere.
func readEdited(files fs.FS, name string) ([]byte, error) {
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		info, err := fs.Lstat(files, name[:i])
		switch {
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a symbolic link: name the file that it leads to", name[:i])
		case i == len(name) && !info.Mode().IsRegular(): // to open a fifo would be to wait
			return nil, errors.New("is no regular file")
		}
	}
	return readRegular(files, name, maxEdited)
}

// apply returns the text after the edit, never nil.
func (e Edit) apply(text []byte) ([]byte, error) {
	out, n := make([]byte, 0, len(text)), 0
	for line := range bytes.Lines(text) {
		bare := bytes.TrimSuffix(line, []byte("\n"))
		if len(bare) < len(line) {
			bare = bytes.TrimSuffix(bare, []byte("\r"))
		}
		if string(bare) != e.Line {
			out = append(out, line...)
			continue
		}
		if n++; e.With != nil {
			out = append(append(out, *e.With...), line[len(bare):]...)
		}
		if len(out) > maxEdited {
			return nil, fmt.Errorf("more than %d bytes when it is edited", maxEdited)
		}
	}
	switch n {
	case e.Count:
		return out, nil
	case 0:
		return nil, fmt.Errorf("no line is %q", e.Line)
	}
	return nil, fmt.Errorf("lines that are %q: %d: want %d, the edit's count", e.Line, n, e.Count)
}
