package tree

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// parseEntry reads one line without its newline. That the line is the
// canonical one for the entry is checked by the caller, by printing it again.
func parseEntry(line string) (Entry, error) {
	f := fields{rest: line, more: true}
	var e Entry
	if k := f.raw(); len(k) == 1 && kindNames[Kind(k[0])] != "" {
		e.Kind = Kind(k[0])
	} else {
		return e, fmt.Errorf("unknown kind %q", k)
	}
	if e.Kind != Whiteout && e.Kind != Opaque {
		e.Mode = uint32(f.number(8, 12))
		e.UID = int(f.number(10, 32))
		e.GID = int(f.number(10, 32))
		e.MTime = f.number(10, 64)
	}
	e.Path = f.text()
	switch e.Kind {
	case File:
		e.Size = f.number(10, 64)
		d, err := digest.ParseHex(f.raw())
		if err != nil && f.err == nil {
			f.err = err
		}
		e.Digest = d
	case Symlink, HardLink:
		e.Link = f.text()
	case CharDev, BlockDev:
		e.Major = uint32(f.number(10, 32))
		e.Minor = uint32(f.number(10, 32))
	}
	for f.more && f.err == nil {
		if e.Xattrs == nil {
			e.Xattrs = make(map[string]string)
		}
		k := f.text()
		e.Xattrs[k] = f.text()
	}
	if f.err != nil {
		return e, f.err
	}
	return e, checkEntry(e)
}

// checkEntry says why an entry can't stand in a ledger.
func checkEntry(e Entry) error {
	if e.Path != "." || e.Kind != Dir {
		if err := checkPath(e.Path); err != nil {
			return err
		}
	}
	bad := func(what string) error { return fmt.Errorf("%s: %s", quoteName(e.Path), what) }
	switch {
	case kindNames[e.Kind] == "":
		return bad("unknown kind")
	case e.Kind == Opaque && !isOpaque(e.Path):
		return bad("an opaque marker is called " + opaqueName)
	case e.Mode > 0o7777:
		return bad("mode has more than 07777")
	case e.UID < 0 || e.GID < 0 || e.UID > maxOwner || e.GID > maxOwner:
		return bad("owner out of range")
	case e.Size < 0:
		return bad("negative size")
	case e.Kind == Symlink && (e.Link == "" || len(e.Link) > maxPath || strings.IndexByte(e.Link, 0) >= 0):
		return bad("bad link target")
	case e.Kind == HardLink:
		return checkPath(e.Link)
	}
	return nil
}

// fields takes a line apart at its tabs and keeps the first error.
type fields struct {
	rest string
	more bool
	err  error
}

func (f *fields) raw() (s string) {
	if !f.more {
		if f.err == nil {
			f.err = fmt.Errorf("too few fields")
		}
		return ""
	}
	s, f.rest, f.more = strings.Cut(f.rest, "\t")
	return s
}

func (f *fields) text() string {
	raw := f.raw()
	if f.err != nil {
		return ""
	}
	s, err := parseField(raw)
	f.err = err
	return s
}

// number reads a number that is not negative unless it has 64 bits.
func (f *fields) number(base, bits int) int64 {
	raw := f.raw()
	if f.err != nil {
		return 0
	}
	var n int64
	var err error
	if bits == 64 {
		n, err = strconv.ParseInt(raw, base, bits)
	} else {
		var u uint64
		u, err = strconv.ParseUint(raw, base, bits)
		n = int64(u)
	}
	if err != nil {
		f.err = fmt.Errorf("bad number %q", raw)
	}
	return n
}
