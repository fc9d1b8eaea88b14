package tree

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// The text form of a ledger:
//
//	pbuild ledger 1
//	KIND ⇥ MODE ⇥ UID ⇥ GID ⇥ MTIME ⇥ PATH [⇥ what the kind has] [⇥ XATTR ⇥ VALUE]…
//	end ⇥ COUNT ⇥ SHA256
//
// MODE is octal with four digits, the other numbers are decimal. A file has its
// size and its sha256 in hexadecimal, a link its target, a device major and
// minor. Whiteouts and opaque markers are KIND ⇥ PATH. A string that is not
// printable ASCII, or begins with a quote, is quoted as Go quotes, to ASCII.
// The last line counts the entries and holds the sha256 of all lines before
// it, so that a cut or damaged ledger is noticed when it is read.
const ledgerHead = "pbuild ledger 1\n"

const (
	maxLedgerLine = 1 << 20
	maxLedger     = 4 << 20 // entries
)

// WriteTo writes the text form; see the format in this file. An entry out of
// order or one that can't be written is an error, and what was written before
// it is not a ledger.
func (l Ledger) WriteTo(w io.Writer) (int64, error) {
	h := digest.NewHasher()
	bw := bufio.NewWriterSize(io.MultiWriter(h, w), 1<<16)
	bw.WriteString(ledgerHead)
	var line []byte
	for i, e := range l {
		if i > 0 && l[i-1].Path >= e.Path {
			return h.Size(), fmt.Errorf("ledger: %s after %s: not sorted, or twice", quoteName(e.Path), quoteName(l[i-1].Path))
		}
		if err := checkEntry(e); err != nil {
			return h.Size(), fmt.Errorf("ledger: %w", err)
		}
		line = appendEntry(line[:0], e)
		bw.Write(line)
	}
	if err := bw.Flush(); err != nil {
		return h.Size(), err
	}
	n, err := fmt.Fprintf(w, "end\t%d\t%s\n", len(l), h.Digest().Hex())
	return h.Size() + int64(n), err
}

// ReadLedger reads what WriteTo wrote, and nothing else: whatever it accepts,
// WriteTo prints with the same bytes.
func ReadLedger(r io.Reader) (Ledger, error) {
	var l Ledger
	h := digest.NewHasher()
	br := bufio.NewReaderSize(r, maxLedgerLine)
	var again []byte
	for n := 1; ; n++ {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("ledger: line %d: %w: %d bytes", n, ErrLimit, maxLedgerLine)
		case err == io.EOF:
			return nil, fmt.Errorf("ledger: line %d: cut off: %w", n, io.ErrUnexpectedEOF)
		case err != nil:
			return nil, fmt.Errorf("ledger: line %d: %w", n, err)
		}
		if n == 1 {
			if string(line) != ledgerHead {
				return nil, fmt.Errorf("ledger: line 1: want %q", strings.TrimSuffix(ledgerHead, "\n"))
			}
			h.Write(line)
			continue
		}
		if bytes.HasPrefix(line, []byte("end\t")) {
			if want := fmt.Sprintf("end\t%d\t%s\n", len(l), h.Digest().Hex()); string(line) != want {
				return nil, fmt.Errorf("ledger: line %d: damaged: count or checksum do not match", n)
			}
			if _, err := br.ReadByte(); err != io.EOF {
				return nil, fmt.Errorf("ledger: line %d: text after the end", n+1)
			}
			return l, nil
		}
		h.Write(line)
		e, err := parseEntry(string(line[:len(line)-1]))
		if err != nil {
			return nil, fmt.Errorf("ledger: line %d: %w", n, err)
		}
		if again = appendEntry(again[:0], e); !bytes.Equal(again, line) {
			return nil, fmt.Errorf("ledger: line %d: not in canonical form", n)
		}
		if len(l) > 0 && l[len(l)-1].Path >= e.Path {
			return nil, fmt.Errorf("ledger: line %d: %s: not sorted, or twice", n, quoteName(e.Path))
		}
		if len(l) == maxLedger {
			return nil, fmt.Errorf("ledger: line %d: %w: %d entries", n, ErrLimit, maxLedger)
		}
		l = append(l, e)
	}
}

func appendEntry(b []byte, e Entry) []byte {
	b = append(b, byte(e.Kind), '\t')
	if e.Kind == Whiteout || e.Kind == Opaque {
		return append(appendField(b, e.Path), '\n')
	}
	for shift := 9; shift >= 0; shift -= 3 {
		b = append(b, '0'+byte(e.Mode>>shift&7))
	}
	b = append(b, '\t')
	b = append(strconv.AppendInt(b, int64(e.UID), 10), '\t')
	b = append(strconv.AppendInt(b, int64(e.GID), 10), '\t')
	b = append(strconv.AppendInt(b, e.MTime, 10), '\t')
	b = appendField(b, e.Path)
	switch e.Kind {
	case File:
		b = append(strconv.AppendInt(append(b, '\t'), e.Size, 10), '\t')
		b = append(b, e.Digest.Hex()...)
	case Symlink, HardLink:
		b = appendField(append(b, '\t'), e.Link)
	case CharDev, BlockDev:
		b = strconv.AppendUint(append(b, '\t'), uint64(e.Major), 10)
		b = strconv.AppendUint(append(b, '\t'), uint64(e.Minor), 10)
	}
	for _, k := range slices.Sorted(maps.Keys(e.Xattrs)) {
		b = appendField(append(b, '\t'), k)
		b = appendField(append(b, '\t'), e.Xattrs[k])
	}
	return append(b, '\n')
}
