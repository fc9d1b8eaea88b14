package deb

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// maxWindow is the largest dictionary that is allocated for a stream: xz -9
// takes 64 MiB, zstd without --ultra 8 MiB, with it 128 MiB.
const maxWindow = 128 << 20

// suffixes are the compressions of a member, by the end of its name (deb(5);
// bz2 and lzma are no longer made).
var suffixes = []string{"", ".gz", ".xz", ".zst"}

// decompress returns the uncompressed stream of a member named with one of
// suffixes after prefix; at most limit bytes come out, more are ErrLimit.
func decompress(m member, prefix string, limit int64) (io.ReadCloser, error) {
	if _, err := m.data.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(m.data, 64<<10)
	out := &stream{name: m.name, left: limit, limit: limit}
	var err error
	switch strings.TrimPrefix(m.name, prefix) {
	case "":
		out.r = in
	case ".gz":
		out.r, err = gzip.NewReader(in)
	case ".xz":
		out.r, err = xz.NewReader(in, maxWindow)
	case ".zst":
		var z *zstd.Decoder
		z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err == nil {
			out.r, out.close = z, z.Close
		}
	default:
		return nil, fmt.Errorf("%s: unknown compression", m.name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return out, nil
}

// stream bounds a decompressed stream and names it in its errors.
type stream struct {
	name  string
	r     io.Reader
	close func()
	left  int64
	limit int64
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.left == 0 {
		var one [1]byte
		n, err := s.r.Read(one[:])
		if n > 0 {
			return 0, fmt.Errorf("%s: %w: size: more than %d bytes uncompressed", s.name, ErrLimit, s.limit)
		}
		return 0, s.named(err)
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.r.Read(p)
	s.left -= int64(n)
	return n, s.named(err)
}

func (s *stream) named(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// Close frees the decompressor.
func (s *stream) Close() error {
	if s.close != nil {
		s.close()
	}
	return nil
}
