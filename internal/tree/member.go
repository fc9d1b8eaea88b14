package tree

import (
	"archive/tar"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// linkTarget returns the earlier entry that a hard link names.
func (r *Reader) linkTarget(h *tar.Header) (*Entry, error) {
	p, err := r.path(h.Linkname, false)
	if err != nil {
		return nil, fmt.Errorf("hard link %s: %w", quoteName(h.Name), err)
	}
	t := r.seen[p]
	if t != nil && t.Kind == HardLink {
		t = r.seen[t.Link]
	}
	if t == nil || (t.Kind != File && t.Kind != Symlink) {
		return nil, refuse(h.Name, "hard link to "+quoteName(h.Linkname)+", which is no earlier file of this archive")
	}
	return t, nil
}

// path cleans and renames a member's name; "" means to leave it out.
func (r *Reader) path(name string, dir bool) (string, error) {
	p, err := cleanName(name, dir)
	if err != nil || r.rename == nil {
		return p, err
	}
	n := r.rename(p)
	if n == "" || n == "." && dir {
		return n, nil
	}
	return n, checkPath(n)
}

var kindOf = map[byte]Kind{
	tar.TypeReg: File, tar.TypeDir: Dir, tar.TypeSymlink: Symlink, tar.TypeLink: HardLink,
	tar.TypeChar: CharDev, tar.TypeBlock: BlockDev, tar.TypeFifo: FIFO,
}

// fromHeader takes over what a header says, each value checked by itself.
func (r *Reader) fromHeader(h *tar.Header) (Entry, error) {
	sparse := func(k string) bool { return strings.HasPrefix(k, "GNU.sparse.") }
	if h.Typeflag == tar.TypeGNUSparse || slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), sparse) {
		return Entry{}, fmt.Errorf("%w: size: %s: sparse file", ErrLimit, quoteName(h.Name))
	}
	kind, ok := kindOf[h.Typeflag]
	if !ok {
		return Entry{}, refuse(h.Name, fmt.Sprintf("unknown type %q", h.Typeflag))
	}
	path, err := r.path(h.Name, kind == Dir)
	if err != nil || path == "" {
		return Entry{}, err
	}
	e := Entry{
		Path: path, Kind: kind, Mode: uint32(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, MTime: h.ModTime.Unix(),
	}
	switch kind {
	case File:
		e.Size = h.Size
	case Symlink:
		e.Mode, e.Link = 0o777, h.Linkname
	case CharDev, BlockDev:
		e.Major, e.Minor = uint32(h.Devmajor), uint32(h.Devminor)
		if int64(e.Major) != h.Devmajor || int64(e.Minor) != h.Devminor {
			return e, refuse(h.Name, "device number out of range")
		}
	case HardLink: // the target's attributes come later
		return e, nil
	}
	for k, v := range h.PAXRecords {
		name, ok := strings.CutPrefix(k, "SCHILY.xattr.")
		if !ok {
			continue
		}
		if name == "" || strings.HasPrefix(name, "user.overlay.") || strings.HasPrefix(name, "trusted.overlay.") {
			return e, refuse(h.Name, "extended attribute "+quoteName(name))
		}
		if e.Xattrs == nil {
			e.Xattrs = make(map[string]string)
		}
		e.Xattrs[name] = v
	}
	if err := checkEntry(e); err != nil {
		return e, fmt.Errorf("%w: %w", ErrUnsafe, err)
	}
	return e, nil
}
