package recipe

import (
	"bytes"
	"io/fs"
	"path"
)

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
	if err != nil {
		return nil, err
	}
	if text, ok := v.texts[name]; ok {
		return &editedFile{f, *bytes.NewReader(text)}, nil
	}
	for file := range v.texts {
		if dir, ok := f.(fs.ReadDirFile); ok && path.Dir(file) == name {
			return &editedDir{dir, v, name}, nil
		}
	}
	return f, nil
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
	return v.list(name, entries), err
}

// list makes the entries of a folder say what Lstat does.
func (v edited) list(dir string, entries []fs.DirEntry) []fs.DirEntry {
	for i, e := range entries {
		if file := path.Join(dir, e.Name()); v.texts[file] != nil {
			entries[i] = editedEntry{e, v, file}
		}
	}
	return entries
}

// editedEntry is the entry of a file with another text.
type editedEntry struct {
	fs.DirEntry
	view edited
	file string
}

func (e editedEntry) Info() (fs.FileInfo, error) { return e.view.Lstat(e.file) }

// editedDir is a folder with such files.
type editedDir struct {
	fs.ReadDirFile
	view edited
	name string
}

func (d *editedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := d.ReadDirFile.ReadDir(n)
	return d.view.list(d.name, entries), err
}

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
