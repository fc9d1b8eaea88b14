package tree

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Beneath is an open directory as an fs.FS that no name and no symbolic link
// leads out of, like an os.Root's: for folders of very many small files. The kernel
// walks a path in one call (openat2(2), RESOLVE_BENEATH, Linux 5.6), where os.Root
// opens each folder on the way, and asks of each whether it can be polled. The caller
// closes the directory after the last use.
func Beneath(dir *os.File) fs.FS { return beneath{dir, int(dir.Fd())} }

type beneath struct {
	dir *os.File // lest nobody else holds it
	fd  int
}

// errEscapes is what os.Root says.
var errEscapes = errors.New("path escapes from parent")

// open opens a path. What was moved on the way while it was walked is tried again.
func (b beneath) open(op, name string, flags uint64) (fd int, err error) {
	if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
		return -1, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for range 100 {
		fd, err = unix.Openat2(b.fd, name, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			break
		}
	}
	if err == unix.EXDEV {
		err = errEscapes
	}
	if err != nil {
		return -1, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return fd, nil
}

// Open opens a file for reading, or a directory. A fifo is not waited for.
func (b beneath) Open(name string) (fs.File, error) {
	fd, err := b.open("open", name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	return &openFile{fsys: b, fd: fd, name: name}, nil
}

func (b beneath) Stat(name string) (fs.FileInfo, error) { return b.stat("stat", name, unix.O_PATH) }

func (b beneath) Lstat(name string) (fs.FileInfo, error) {
	return b.stat("lstat", name, unix.O_PATH|unix.O_NOFOLLOW)
}

func (b beneath) stat(op, name string, flags uint64) (fs.FileInfo, error) {
	fd, err := b.open(op, name, flags)
	if err != nil {
		return nil, err
	}
	f := &openFile{fsys: b, fd: fd, name: name}
	defer f.Close()
	return f.Stat()
}

// ReadLink returns the target of a symbolic link, as it is written.
func (b beneath) ReadLink(name string) (string, error) {
	fd, err := b.open("readlink", name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err == unix.ENOENT {
		err = unix.EINVAL // what readlink(2) says of what is no link
	}
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

// ReadFile returns a file's bytes.
func (b beneath) ReadFile(name string) ([]byte, error) {
	fd, err := b.open("open", name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := retried(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	data := make([]byte, 0, max(st.Size, 0)+1) // a byte more, to see the end by the same call
	for {
		var n int
		err := retried(func() (err error) { n, err = unix.Read(fd, data[len(data):cap(data)]); return err })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		room := cap(data) - len(data)
		if data = data[:len(data)+n]; n == 0 || n < room && int64(len(data)) == st.Size {
			return data, nil
		}
		data = slices.Grow(data, 512)
	}
}

// ReadDir returns the entries of a directory by name.
func (b beneath) ReadDir(name string) ([]fs.DirEntry, error) {
	fd, err := b.open("open", name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return b.entries(fd, name)
}

// entries lists the open directory of a name.
func (b beneath) entries(fd int, name string) ([]fs.DirEntry, error) {
	var buf [8 << 10]byte
	var entries []fs.DirEntry
	for {
		var n int
		if err := retried(func() (err error) { n, err = unix.Getdents(fd, buf[:]); return err }); err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
		}
		if n == 0 {
			break
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e dirent
			e, rest = nextDirent(rest)
			if e.name == "." || e.name == ".." {
				continue
			}
			e.fsys, e.dir = b, name
			if e.kind == unix.DT_UNKNOWN { // the file system keeps none
				info, err := e.Info()
				if errors.Is(err, fs.ErrNotExist) {
					continue // removed meanwhile
				}
				if err != nil {
					return nil, err
				}
				entries = append(entries, fs.FileInfoToDirEntry(info))
				continue
			}
			entries = append(entries, &e)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// dirent is an entry of a directory as getdents64(2) tells it.
type dirent struct {
	fsys      beneath
	dir, name string
	kind      byte // DT_REG, …
}

// nextDirent reads a struct linux_dirent64: 19 bytes, of which the length stands
// at 16 and the type at 18, and the name up to a zero byte.
func nextDirent(b []byte) (e dirent, rest []byte) {
	n := binary.NativeEndian.Uint16(b[16:])
	name, _, _ := bytes.Cut(b[19:n], []byte{0})
	return dirent{name: string(name), kind: b[18]}, b[n:]
}

func (e *dirent) Name() string               { return e.name }
func (e *dirent) IsDir() bool                { return e.kind == unix.DT_DIR }
func (e *dirent) Info() (fs.FileInfo, error) { return e.fsys.Lstat(path.Join(e.dir, e.name)) }

// Type relies on the kernel's word that a DT value is the mode's upper four bits.
func (e *dirent) Type() fs.FileMode { return fileMode(uint32(e.kind) << 12).Type() }

// openFile is an open file or directory. It is no os.File: that would be twice the
// system calls, and would look for a directory's entries from the working directory.
type openFile struct {
	fsys   beneath
	fd     int    // -1: closed
	name   string // as it was opened
	listed bool
	left   []fs.DirEntry // of a directory that is listed, those that were not asked for yet
}

func (f *openFile) fail(op string, err error) error {
	if err != nil {
		err = &fs.PathError{Op: op, Path: f.name, Err: err}
	}
	return err
}

func (f *openFile) Stat() (fs.FileInfo, error) {
	i := &info{name: path.Base(f.name)}
	if err := retried(func() error { return unix.Fstat(f.fd, &i.st) }); err != nil {
		return nil, f.fail("stat", err)
	}
	return i, nil
}

func (f *openFile) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err = retried(func() (err error) { n, err = unix.Read(f.fd, p); return err }); err != nil {
		return 0, f.fail("read", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *openFile) Close() error {
	if f.fd < 0 {
		return f.fail("close", fs.ErrClosed)
	}
	err := unix.Close(f.fd)
	f.fd = -1
	return f.fail("close", err)
}

// ReadDir returns the next n entries; with n below 1, all that are left.
func (f *openFile) ReadDir(n int) (entries []fs.DirEntry, err error) {
	if !f.listed {
		if f.left, err = f.fsys.entries(f.fd, f.name); err != nil {
			return nil, err
		}
		f.listed = true
	}
	if n <= 0 {
		entries, f.left = f.left, nil
		return entries, nil
	}
	if len(f.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.left))
	entries, f.left = f.left[:n:n], f.left[n:]
	return entries, nil
}

func retried(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}

// info is a file's stat(2).
type info struct {
	name string
	st   unix.Stat_t
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.st.Size }
func (i *info) ModTime() time.Time { return time.Unix(i.st.Mtim.Unix()) }
func (i *info) IsDir() bool        { return i.Mode().IsDir() }
func (i *info) Sys() any           { return &i.st }

func (i *info) Mode() fs.FileMode { return fileMode(i.st.Mode) }

// fileMode is the mode of a stat(2) in Go's form.
func fileMode(st uint32) fs.FileMode {
	mode := fs.FileMode(st & 0o777)
	switch st & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	}
	if st&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if st&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if st&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
