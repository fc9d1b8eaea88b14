package tree

import (
	"fmt"
	"io"
	"math"
)

// Limits bounds what an archive may cost. A zero field means the default.
type Limits struct {
	Entries int   // paths, directories that only stand in others' paths included; default 1,000,000
	Bytes   int64 // of all files together, as their headers say; default 16 GiB
	Depth   int   // components of a path; default 255
}

const (
	defaultEntries = 1_000_000
	defaultBytes   = 16 << 30
	defaultDepth   = 255

	// maxHeader bounds what one entry's headers may take, extensions included. archive/tar allows 1 MiB for
	// each extension and nothing for a chain of them, as the old GNU sparse maps are.
	maxHeader = 4 << 20
	// maxNames bounds the memory for names, which are kept to find duplicates.
	maxNames = 256 << 20
	// maxTrailer is how many zero bytes may follow the end of an archive; tar pads to 10 KiB.
	maxTrailer = 1 << 20
)

func (l Limits) orDefault() Limits {
	if l.Entries == 0 {
		l.Entries = defaultEntries
	}
	if l.Bytes == 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth == 0 {
		l.Depth = defaultDepth
	}
	return l
}

// Stream returns the most bytes that a whole uncompressed archive may have,
// headers included: Bytes, and 4 KiB for each of Entries.
func (l Limits) Stream() int64 {
	l = l.orDefault()
	return l.Bytes + 4096*int64(l.Entries)
}

// meter lets at most left bytes through, which the reader of headers sets anew
// for each entry, and at most total bytes in all. It is no io.Seeker, so
// nothing skips it.
type meter struct {
	r     io.Reader
	left  int64
	total int64
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, fmt.Errorf("%w: size: headers of one entry take more than %d bytes", ErrLimit, maxHeader)
	}
	if m.total <= 0 {
		return 0, fmt.Errorf("%w: size: the archive is too long for its entries", ErrLimit)
	}
	p = p[:min(int64(len(p)), m.left, m.total)]
	n, err := m.r.Read(p)
	m.left -= int64(n)
	m.total -= int64(n)
	return n, err
}

func (m *meter) header()  { m.left = maxHeader }
func (m *meter) content() { m.left = math.MaxInt64 }
