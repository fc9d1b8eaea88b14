package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
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

// linkFS is what an os.Root's FS can do.
type linkFS interface {
	fs.ReadDirFS
	fs.ReadLinkFS
}

// edited is a view of files some of which have another text. That is found by a
// file's own path, not through a symbolic link.
type edited struct {
	linkFS
	texts map[string][]byte // never nil
}

func (v edited) Open(name string) (fs.File, error) {
	f, err := v.linkFS.Open(name)
	text, ok := v.texts[name]
	if err != nil || !ok {
		return f, err
	}
	return &editedFile{f, *bytes.NewReader(text)}, nil
}

// ReadFile is not the files' own.
func (v edited) ReadFile(name string) ([]byte, error) {
	if text, ok := v.texts[name]; ok {
		return bytes.Clone(text), nil
	}
	return fs.ReadFile(v.linkFS, name)
}

func (v edited) Lstat(name string) (fs.FileInfo, error) {
	info, err := v.linkFS.Lstat(name)
	if text, ok := v.texts[name]; ok && err == nil {
		return editedInfo{info, int64(len(text))}, nil
	}
	return info, err
}

func (v edited) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := v.linkFS.ReadDir(name)
	for i, e := range entries {
		if file := path.Join(name, e.Name()); v.texts[file] != nil {
			entries[i] = editedEntry{e, v, file}
		}
	}
	return entries, err
}

// editedEntry is the entry of a file with another text.
type editedEntry struct {
	fs.DirEntry
	view edited
	file string
}

func (e editedEntry) Info() (fs.FileInfo, error) { return e.view.Lstat(e.file) }

// editedFile is a file with another text.
type editedFile struct {
	fs.File
	text bytes.Reader
}

func (f *editedFile) Read(p []byte) (int, error) { return f.text.Read(p) }

func (f *editedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return editedInfo{info, f.text.Size()}, nil
}

type editedInfo struct {
	fs.FileInfo
	size int64
}

func (i editedInfo) Size() int64 { return i.size }
