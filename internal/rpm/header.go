package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A header is an intro of 16 bytes (magic, number of tags, bytes of data), an
// index entry of 16 bytes for each tag (tag, type, offset, count), and the data
// that the entries point into; all numbers are big endian. rpm's lib/header.c
// says what makes it well-formed.

// introMagic begins each header: the magic, version 1, four bytes reserved.
const introMagic = "\x8e\xad\xe8\x01\x00\x00\x00\x00"

const entrySize = 16

// bounds are those of rpm's lib/header.c for a header.
type bounds struct {
	name   string
	region tag
	tags   uint32
	bytes  uint32
}

var (
	signatureBounds = bounds{"signature header", tagHeaderSignatures, 32, 64 << 20}
	headerBounds    = bounds{"header", tagHeaderImmutable, 0xffff, 0x0fffffff}
)

// kind is the type of a tag's data, by its number in the format.
type kind uint32

const (
	kindChar kind = iota + 1
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindString
	kindBin
	kindStrings
	kindI18N // like kindStrings, one for each locale
)

// kindSize is the bytes of one item, 0 for what ends with a zero byte; it is the alignment too.
var kindSize = [...]uint32{kindChar: 1, kindInt8: 1, kindInt16: 2, kindInt32: 4, kindInt64: 8, kindBin: 1, kindI18N: 0}

// value is what a tag has: count items in data.
type value struct {
	kind  kind
	count int
	data  string
}

type header map[tag]value

// readHeader reads a header from in, of which left bytes are there, and writes
// what it has read to sum. It returns its length.
func readHeader(in io.Reader, left int64, b bounds, sum io.Writer) (header, int64, error) {
	var intro [16]byte
	in = io.TeeReader(in, sum)
	if left < int64(len(intro)) {
		return nil, 0, fmt.Errorf("%s: cut off", b.name)
	}
	if _, err := io.ReadFull(in, intro[:]); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", b.name, err)
	}
	if string(intro[:8]) != introMagic {
		return nil, 0, fmt.Errorf("%s: no header's magic", b.name)
	}
	tags, bytes := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	if tags > b.tags || bytes > b.bytes {
		return nil, 0, fmt.Errorf("%s: %w: %d tags with %d bytes, at most %d with %d", b.name, ErrLimit, tags, bytes, b.tags, b.bytes)
	}
	size := int64(tags)*entrySize + int64(bytes)
	if size > left-int64(len(intro)) {
		return nil, 0, fmt.Errorf("%s: cut off: %d bytes, but %d are left", b.name, size, left-int64(len(intro)))
	}
	index := make([]byte, tags*entrySize)
	if _, err := io.ReadFull(in, index); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", b.name, err)
	}
	var data strings.Builder
	data.Grow(int(bytes))
	if _, err := io.CopyN(&data, in, int64(bytes)); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", b.name, err)
	}
	h, err := parseHeader(index, data.String(), b)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", b.name, err)
	}
	return h, int64(len(intro)) + size, nil
}

// indexEntry is an entry as it stands in the index.
type indexEntry struct {
	tag           tag
	kind          kind
	offset, count uint32
}

func parseEntry(b string) indexEntry {
	n := func(i int) uint32 { return binary.BigEndian.Uint32([]byte(b[i : i+4])) }
	return indexEntry{tag(n(0)), kind(n(4)), n(8), n(12)}
}

// parseHeader checks and splits a header. Entries' data lies in their order and
// does not overlap, so that what is made of it is no larger than it.
func parseHeader(index []byte, data string, b bounds) (header, error) {
	h := make(header)
	end := uint32(0)
	for at := 0; at < len(index); at += entrySize {
		e := parseEntry(string(index[at : at+entrySize]))
		if at == 0 && e.tag == b.region {
			if err := checkRegion(e, len(index), data, b); err != nil {
				return nil, err
			}
			if b.region == tagHeaderImmutable {
				data = data[:e.offset]
			}
			continue
		}
		if e.tag < tagI18NTable {
			return nil, fmt.Errorf("%s: no tag of a package", e.tag)
		}
		if _, ok := h[e.tag]; ok {
			return nil, fmt.Errorf("%s: there twice", e.tag)
		}
		v, next, err := takeValue(e, data, end)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.tag, err)
		}
		h[e.tag], end = v, next
	}
	return h, nil
}

// takeValue returns an entry's value and where its data ends. Data of entries
// before it ends at end.
func takeValue(e indexEntry, data string, end uint32) (value, uint32, error) {
	var none value
	if e.kind < kindChar || e.kind > kindI18N {
		return none, 0, fmt.Errorf("type %d: there is no such type", e.kind)
	}
	size := kindSize[e.kind]
	switch {
	case int64(e.offset) >= int64(len(data)):
		return none, 0, fmt.Errorf("offset %d: the data has %d bytes", int32(e.offset), len(data))
	case e.offset < end:
		return none, 0, fmt.Errorf("offset %d: data before it ends at %d", e.offset, end)
	case size > 1 && e.offset%size != 0:
		return none, 0, fmt.Errorf("offset %d: not a multiple of %d", e.offset, size)
	case e.count == 0, e.kind == kindString && e.count != 1:
		return none, 0, fmt.Errorf("count %d: not possible for its type", e.count)
	}
	if e.count > maxCount && e.kind != kindBin && e.kind != kindChar {
		return none, 0, fmt.Errorf("%w: %d values, at most %d", ErrLimit, e.count, maxCount)
	}
	rest := data[e.offset:]
	if int64(e.count)*int64(max(size, 1)) > int64(len(rest)) {
		return none, 0, fmt.Errorf("count %d: the data ends before", e.count)
	}
	length := int(e.count * size)
	if size == 0 {
		for range e.count {
			i := strings.IndexByte(rest[length:], 0)
			if i < 0 {
				return none, 0, errors.New("a string without an end")
			}
			length += i + 1
		}
	}
	return value{e.kind, int(e.count), rest[:length]}, e.offset + uint32(length), nil
}

// checkRegion checks the entry that stands first and says which entries and data were there
// when the header was made. Of the main header that is all of it: rpm's digest
// covers the region, so nothing may lie outside.
func checkRegion(e indexEntry, index int, data string, b bounds) error {
	if e.kind != kindBin || e.count != entrySize || int64(e.offset)+entrySize > int64(len(data)) {
		return fmt.Errorf("%s: a bad region", e.tag)
	}
	t := parseEntry(data[e.offset : e.offset+entrySize])
	covers := -int64(int32(t.offset))
	tagOK := t.tag == b.region || b.region == tagHeaderSignatures && t.tag == tagHeaderImage // by old rpms
	if !tagOK || t.kind != kindBin || t.count != entrySize || covers < entrySize || covers > int64(index) || covers%entrySize != 0 {
		return fmt.Errorf("%s: a bad region", e.tag)
	}
	if b.region == tagHeaderImmutable && (covers != int64(index) || int(e.offset)+entrySize != len(data)) {
		return fmt.Errorf("%s: the region does not cover the header", e.tag)
	}
	return nil
}
