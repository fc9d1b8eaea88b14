package rpm

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// reader takes values out of a header. It keeps the first error, after which it
// returns nothing; who reads asks for it once.
type reader struct {
	header
	err error
}

func (r *reader) fail(t tag, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: "+format, append([]any{t}, args...)...)
	}
}

func (r *reader) has(t tag) bool {
	_, ok := r.header[t]
	return ok
}

// text returns a string, of several the first; "" where there is none.
func (r *reader) text(t tag) string {
	v, ok := r.header[t]
	if !ok || r.err != nil {
		return ""
	}
	if v.kind != kindString && v.kind != kindStrings && v.kind != kindI18N {
		r.fail(t, "type %d: want a string", v.kind)
		return ""
	}
	s, _, _ := strings.Cut(v.data, "\x00")
	return s
}

// texts returns strings.
func (r *reader) texts(t tag) []string {
	v, ok := r.header[t]
	if !ok || r.err != nil {
		return nil
	}
	if v.kind != kindString && v.kind != kindStrings && v.kind != kindI18N {
		r.fail(t, "type %d: want strings", v.kind)
		return nil
	}
	all := make([]string, v.count)
	rest := v.data
	for i := range all {
		all[i], rest, _ = strings.Cut(rest, "\x00")
	}
	return all
}

// numbers returns numbers of any width.
func (r *reader) numbers(t tag) []uint64 {
	v, ok := r.header[t]
	if !ok || r.err != nil {
		return nil
	}
	if v.kind == kindChar || v.kind > kindInt64 {
		r.fail(t, "type %d: want numbers", v.kind)
		return nil
	}
	all := make([]uint64, v.count)
	size := int(kindSize[v.kind])
	for i := range all {
		var b [8]byte
		copy(b[8-size:], v.data[i*size:])
		all[i] = binary.BigEndian.Uint64(b[:])
	}
	return all
}

// number returns a number, of several the first.
func (r *reader) number(t tag) uint64 {
	if n := r.numbers(t); len(n) > 0 {
		return n[0]
	}
	return 0
}

// textsOf and numbersOf return n values of a tag that may be absent, and then has
// n zero values.
func (r *reader) textsOf(n int, t tag) []string {
	if !r.has(t) {
		return make([]string, n)
	}
	all := r.texts(t)
	if len(all) != n {
		r.fail(t, "%d values for %d", len(all), n)
		return make([]string, n)
	}
	return all
}

func (r *reader) numbersOf(n int, t tag) []uint64 {
	if !r.has(t) {
		return make([]uint64, n)
	}
	all := r.numbers(t)
	if len(all) != n {
		r.fail(t, "%d values for %d", len(all), n)
		return make([]uint64, n)
	}
	return all
}

// flags returns n numbers of 32 bits.
func (r *reader) flags(n int, t tag) []uint32 {
	out := make([]uint32, n)
	for i, f := range r.numbersOf(n, t) {
		if f > 1<<32-1 {
			r.fail(t, "%d: too large", f)
		}
		out[i] = uint32(f)
	}
	return out
}
