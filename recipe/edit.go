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
	Line  string  // as it stands there, without the line's end
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
		if len(list) == 0 {
			file.Value.Errorf("want at least one")
		}
		for _, one := range list {
			f := one.Fields("delete", "replace", "with", "count")
			kind, line := f.One("delete", "replace")
			e := Edit{File: name, Line: yamldoc.As(line, parseEditLine), Count: 1, at: one.Position()}
			if kind == "replace" {
				with := yamldoc.As(f.Need("with"), parseNewLine)
				e.With = &with
			} else if w := f.Get("with"); w.Present() {
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

// maxEdited bounds a file that is edited, in bytes.
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
		text, ok := out.texts[e.File]
		if !ok {
			var err error
			if text, err = readEdited(files, e.File); err != nil {
				return nil, e.at.Errorf("edits: %s in source %s: %w", e.File, Main, inner(err))
			}
		}
		text, n := e.apply(text)
		if n != e.Count {
			return nil, e.at.Errorf("edits: %s in source %s: has the line %d times: want %d: %q", e.File, Main, n, e.Count, e.Line)
		}
		out.texts[e.File] = text
	}
	return out, nil
}

func readEdited(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Lstat(files, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > maxEdited:
		return nil, fmt.Errorf("%d bytes: more than %d", info.Size(), maxEdited)
	}
	return fs.ReadFile(files, name)
}

// apply returns the text after the edit, and how often the line stood there.
func (e Edit) apply(text []byte) (out []byte, n int) {
	for line := range bytes.Lines(text) {
		bare, end := bytes.CutSuffix(line, []byte("\n"))
		switch {
		case string(bare) != e.Line:
			out = append(out, line...)
			continue
		case e.With != nil:
			out = append(out, *e.With...)
			if end {
				out = append(out, '\n')
			}
		}
		n++
	}
	return out, n
}

// linkFS is what an os.Root's FS can do.
type linkFS interface {
	fs.ReadDirFS
	fs.ReadLinkFS
}

// edited is a view of files some of which have another text.
type edited struct {
	linkFS
	texts map[string][]byte
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

// editedFile is a file with another text.
type editedFile struct {
	fs.File
	text bytes.Reader
}

func (f *editedFile) Read(p []byte) (int, error) { return f.text.Read(p) }

func (f *editedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return editedInfo{info, f.text.Size()}, err
}

type editedInfo struct {
	fs.FileInfo
	size int64
}

func (i editedInfo) Size() int64 { return i.size }
