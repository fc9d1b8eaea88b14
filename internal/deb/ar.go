package deb

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The outer archive (deb(5), «FORMAT»; the common ar format with 60-byte headers).
const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

// maxMembers bounds the members that are looked at.
const maxMembers = 32

// member is one file of an ar archive.
type member struct {
	name string
	data *io.SectionReader
}

// arMembers lists the members. Long names, in their GNU and BSD forms, have no
// place in a .deb and are refused.
func arMembers(r io.ReaderAt, size int64) ([]member, error) {
	var head [arHeader]byte
	if size < int64(len(arMagic)) {
		return nil, errors.New("not an ar archive")
	}
	if _, err := r.ReadAt(head[:len(arMagic)], 0); err != nil && err != io.EOF {
		return nil, err
	}
	if string(head[:len(arMagic)]) != arMagic {
		return nil, errors.New("not an ar archive")
	}
	var all []member
	for at := int64(len(arMagic)); at < size; {
		if size-at < arHeader {
			return nil, fmt.Errorf("ar: cut off in the header at byte %d", at)
		}
		if _, err := r.ReadAt(head[:], at); err != nil && err != io.EOF {
			return nil, err
		}
		if string(head[58:]) != "`\n" {
			return nil, fmt.Errorf("ar: no member header at byte %d", at)
		}
		at += arHeader
		name := strings.TrimRight(string(head[:16]), " ")
		name = strings.TrimSuffix(name, "/") // as GNU ar writes it
		if name == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, "#1") {
			return nil, fmt.Errorf("ar: bad member name %q", string(head[:16]))
		}
		n, err := strconv.ParseUint(strings.TrimRight(string(head[48:58]), " "), 10, 62)
		if err != nil {
			return nil, fmt.Errorf("ar: member %q: bad size %q", name, string(head[48:58]))
		}
		if int64(n) > size-at {
			return nil, fmt.Errorf("ar: member %q: %d bytes, but %d are left", name, n, size-at)
		}
		if len(all) == maxMembers {
			return nil, fmt.Errorf("ar: %w: more than %d members", ErrLimit, maxMembers)
		}
		all = append(all, member{name: name, data: io.NewSectionReader(r, at, int64(n))})
		at += int64(n) + int64(n)%2
	}
	return all, nil
}
