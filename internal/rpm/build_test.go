package rpm_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// item is one tag of a header that a test makes.
type item struct {
	tag, kind, count uint32
	data             []byte
	offset           *uint32 // where it claims to be, when not nil
}

func str(tag uint32, s string) item {
	return item{tag: tag, kind: 6, count: 1, data: []byte(s + "\x00")}
}

func strs(tag uint32, all ...string) item {
	i := item{tag: tag, kind: 8, count: uint32(len(all))}
	for _, s := range all {
		i.data = append(i.data, s+"\x00"...)
	}
	return i
}

func bin(tag uint32, b []byte) item {
	return item{tag: tag, kind: 7, count: uint32(len(b)), data: b}
}

func int32s(tag uint32, all ...uint32) item {
	i := item{tag: tag, kind: 4, count: uint32(len(all))}
	for _, n := range all {
		i.data = binary.BigEndian.AppendUint32(i.data, n)
	}
	return i
}

func int16s(tag uint32, all ...uint16) item {
	i := item{tag: tag, kind: 3, count: uint32(len(all))}
	for _, n := range all {
		i.data = binary.BigEndian.AppendUint16(i.data, n)
	}
	return i
}

func entryOf(tag, kind, offset, count uint32) []byte {
	var b []byte
	for _, n := range []uint32{tag, kind, offset, count} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// headerOf returns a header with a region tag.
func headerOf(region uint32, items ...item) []byte {
	var index, data []byte
	for _, i := range items {
		if align := map[uint32]int{3: 2, 4: 4, 5: 8}[i.kind]; align > 0 {
			for len(data)%align != 0 {
				data = append(data, 0)
			}
		}
		at := uint32(len(data))
		if i.offset != nil {
			at = *i.offset
		}
		index = append(index, entryOf(i.tag, i.kind, at, i.count)...)
		data = append(data, i.data...)
	}
	index = append(entryOf(region, 7, uint32(len(data)), 16), index...)
	data = append(data, entryOf(region, 7, -uint32(len(index)), 16)...)
	return rawHeader(uint32(len(index)/16), uint32(len(data)), index, data)
}

func rawHeader(tags, size uint32, index, data []byte) []byte {
	b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
	b = binary.BigEndian.AppendUint32(b, tags)
	b = binary.BigEndian.AppendUint32(b, size)
	return slices.Concat(b, index, data)
}

func lead() []byte {
	b := make([]byte, 96)
	copy(b, "\xed\xab\xee\xdb\x03\x00")
	b[79] = 5
	return b
}

// pack puts parts together.
func pack(sig, main, payload []byte) []byte {
	return slices.Concat(lead(), sig, make([]byte, -len(sig)&7), main, payload)
}

var payload = []byte("the payload")

// sigItems are the digests that rpmbuild writes.
func sigItems(main, payload []byte) []item {
	one, two := sha1.Sum(main), sha256.Sum256(main)
	both := md5.Sum(slices.Concat(main, payload))
	return []item{
		str(269, hex.EncodeToString(one[:])), str(273, hex.EncodeToString(two[:])),
		int32s(1000, uint32(len(main)+len(payload))), bin(1004, both[:]),
	}
}

// packageOf returns a package whose header has these tags, well bound.
func packageOf(items ...item) []byte { return packageWith(headerOf(63, items...)) }

func packageWith(main []byte) []byte {
	return pack(headerOf(62, sigItems(main, payload)...), main, payload)
}

// minimal are the least tags of a package.
func minimal(more ...item) []item {
	sum := sha256.Sum256(payload)
	return append([]item{
		str(1000, "a"), str(1001, "1"), str(1002, "2"), str(1022, "noarch"), str(1044, "a-1-2.src.rpm"),
		strs(5092, hex.EncodeToString(sum[:])), int32s(5093, 8),
	}, more...)
}

// replace returns items with one tag's item replaced, or left out where with has no kind.
func replace(items []item, with item) []item {
	out := slices.DeleteFunc(slices.Clone(items), func(i item) bool { return i.tag == with.tag })
	if with.kind != 0 {
		out = append(out, with)
	}
	return out
}

// oneFile are the tags of a package with a file /usr/a of 1 byte, by default.
func oneFile(change ...item) []item {
	sum := sha256.Sum256([]byte("x"))
	items := []item{
		int32s(1028, 1), int16s(1030, 0o100644), strs(1035, hex.EncodeToString(sum[:])), strs(1036, ""), int32s(1037, 0),
		strs(1039, "root"), strs(1040, "root"), int32s(1116, 0), strs(1117, "a"), strs(1118, "/usr/"), int32s(5011, 8),
	}
	for _, c := range change {
		items = replace(items, c)
	}
	return minimal(items...)
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}
