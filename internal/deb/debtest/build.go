// Package debtest makes .deb files for tests, good ones and broken ones, and
// compares what package deb reads with what dpkg-deb says. Nothing but tests
// imports it.
package debtest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Member is one file of an ar archive.
type Member struct {
	Name string
	Data []byte
}

// Ar returns an ar archive.
func Ar(members ...Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.Name, 0, 0, 0, "100644", len(m.Data))
		b.Write(m.Data)
		if len(m.Data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Tar returns a tar of headers and their contents. What a header leaves out is
// filled in: a regular file, mode 0644 (0755 for directories), root's, time 1e9.
func Tar(files ...File) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := f.Header
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1e9, 0)
		}
		if h.Uname == "" {
			h.Uname = "root"
		}
		if h.Gname == "" {
			h.Gname = "root"
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(f.Data))
		}
		if err := w.WriteHeader(&h); err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(f.Data)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// File is one member of a tar.
type File struct {
	tar.Header
	Data string
}

// Regular returns a regular file of mode 0644.
func Regular(name, data string) File { return File{tar.Header{Name: name}, data} }

// Directory returns a directory of mode 0755.
func Directory(name string) File {
	return File{Header: tar.Header{Name: name, Typeflag: tar.TypeDir}}
}

// Build returns a .deb whose tars are not compressed.
func Build(control, data []byte) []byte {
	return Ar(Member{"debian-binary", []byte("2.0\n")}, Member{"control.tar", control}, Member{"data.tar", data})
}

// Gzip returns b compressed.
func Gzip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// Zstd returns b compressed.
func Zstd(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}
