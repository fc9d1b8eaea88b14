package tree

import (
	"archive/tar"
	"fmt"
	"time"
)

var typeOf = map[Kind]byte{
	File: tar.TypeReg, Dir: tar.TypeDir, Symlink: tar.TypeSymlink, HardLink: tar.TypeLink,
	FIFO: tar.TypeFifo, Whiteout: tar.TypeReg, Opaque: tar.TypeReg,
}

// tarHeader returns the one header that an entry has in pbuild's tars: numeric
// owners without names, whole seconds, no access times; plain ustar where that
// can express it, else with PAX records for just the fields that need them.
// The bytes are archive/tar's choice; the golden tests would notice a change.
func tarHeader(e Entry, name string) (*tar.Header, error) {
	t, ok := typeOf[e.Kind]
	if !ok {
		return nil, fmt.Errorf("%s: a %s can't be packed", quoteName(e.Path), e.Kind)
	}
	h := &tar.Header{
		Typeflag: t, Name: name, Linkname: e.Link, Size: e.Size, Mode: int64(e.Mode),
		Uid: e.UID, Gid: e.GID, ModTime: time.Unix(e.MTime, 0),
	}
	for k, v := range e.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = make(map[string]string)
		}
		h.PAXRecords["SCHILY.xattr."+k] = v
	}
	return h, nil
}
