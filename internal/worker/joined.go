package worker

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// joined is several trees as one: each below its name.
type joined map[string]fs.FS

// at returns the tree that a path is in, and the path there.
func (j joined) at(op, name string) (fs.FS, string, error) {
	first, rest, _ := strings.Cut(name, "/")
	if rest == "" {
		rest = "."
	}
	tree, ok := j[first]
	if !ok {
		return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return tree, rest, nil
}

// Open opens a file of one of the trees.
func (j joined) Open(name string) (fs.File, error) {
	tree, name, err := j.at("open", name)
	if err != nil {
		return nil, err
	}
	return tree.Open(name)
}

// ReadDir lists the trees, or a directory of one.
func (j joined) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		tree, name, err := j.at("readdir", name)
		if err != nil {
			return nil, err
		}
		return fs.ReadDir(tree, name)
	}
	var out []fs.DirEntry
	for _, n := range slices.Sorted(maps.Keys(j)) {
		out = append(out, fs.FileInfoToDirEntry(top(n)))
	}
	return out, nil
}

// ReadLink reads a link of one of the trees.
func (j joined) ReadLink(name string) (string, error) {
	tree, name, err := j.at("readlink", name)
	if err != nil {
		return "", err
	}
	return fs.ReadLink(tree, name)
}

// Lstat describes a file of one of the trees.
func (j joined) Lstat(name string) (fs.FileInfo, error) {
	if name == "." {
		return top("."), nil
	}
	tree, name, err := j.at("lstat", name)
	if err != nil {
		return nil, err
	}
	return fs.Lstat(tree, name)
}

// Stat is Lstat at the top; nobody asks for more.
func (j joined) Stat(name string) (fs.FileInfo, error) { return j.Lstat(name) }

// top is the directory that a tree is seen as.
type top string

func (t top) Name() string     { return string(t) }
func (top) Size() int64        { return 0 }
func (top) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (top) ModTime() time.Time { return time.Time{} }
func (top) IsDir() bool        { return true }
func (top) Sys() any           { return nil }
