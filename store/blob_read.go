package store

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// BlobReader reads a blob and hashes it on the way. The bytes are proved only
// when Read has returned io.EOF, or exactly Size bytes without an error: until
// then a reader must not act on what it has.
type BlobReader struct {
	Size int64 // bytes

	s    *Store
	want digest.Digest
	f    *os.File
	hash *digest.Hasher
	err  error // what every further Read returns
}

// OpenBlob opens a blob for reading. ErrNotFound: it is not there.
func (s *Store) OpenBlob(d digest.Digest) (*BlobReader, error) {
	r, err := s.openBlob(d)
	if errors.Is(err, ErrNotFound) && s.heal(d) {
		r, err = s.openBlob(d)
	}
	return r, err
}

func (s *Store) openBlob(d digest.Digest) (*BlobReader, error) {
	release, err := s.holdBlob(d)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", d, err)
	}
	defer release()
	f, err := os.OpenFile(s.BlobPath(d), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", d, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", d, bare(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("blob %s: %w", d, bare(err))
	}
	return &BlobReader{Size: info.Size(), s: s, want: d, f: f, hash: digest.NewHasher()}, nil
}

// peekBlob returns a whole blob, verified, and changes nothing: no pin, no
// quarantine, no healing. It is for those who hold a gate, and for checks.
func (s *Store) peekBlob(d digest.Digest, limit int64) ([]byte, error) {
	info, err := os.Lstat(s.BlobPath(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, bare(err)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes, at most %d are expected", info.Size(), limit)
	}
	b, err := os.ReadFile(s.BlobPath(d))
	if isUnreadable(err) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, bare(err))
	}
	if err != nil {
		return nil, bare(err)
	}
	if digest.Of(b) != d {
		return nil, ErrCorrupt
	}
	return b, nil
}

// Read returns ErrCorrupt instead of the last bytes of a damaged blob, which
// is then in quarantine/ and no longer in the store.
func (r *BlobReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.f.Read(p)
	r.hash.Write(p[:n])
	switch left := r.Size - r.hash.Size(); {
	case errors.Is(err, io.EOF) && left > 0, left < 0, left == 0 && r.hash.Digest() != r.want:
		r.err = fmt.Errorf("blob %s: %w: it is in %s", r.want, ErrCorrupt, r.s.quarantineBlob(r.want, r.f))
		return 0, r.err
	case err != nil && !errors.Is(err, io.EOF):
		r.err = fmt.Errorf("blob %s: %w", r.want, bare(err))
	case left == 0:
		r.err = io.EOF
		if n == 0 && len(p) > 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	return n, r.err
}

// CloneTo makes f, an empty file, a reflink of the blob. The clone is of the open
// file whose bytes were proved just before. errors.ErrUnsupported: the two files'
// systems can't; then nothing was read, and Read begins at the start.
func (r *BlobReader) CloneTo(f *os.File) error {
	to, from := int(f.Fd()), int(r.f.Fd())
	// The first is a trial, so that those who must copy read only once.
	if unix.IoctlFileClone(to, from) != nil {
		return fmt.Errorf("reflink of blob %s: %w", r.want, errors.ErrUnsupported)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if err := unix.IoctlFileClone(to, from); err != nil {
		return fmt.Errorf("reflink of blob %s: %w", r.want, err)
	}
	return nil
}

// CheckBlob reads a whole blob. ErrNotFound: it is not there. ErrCorrupt: it was
// damaged, and is in quarantine/ now. One that the database has a copy of is
// healed instead.
func (s *Store) CheckBlob(d digest.Digest) error {
	r, err := s.OpenBlob(d)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err = io.Copy(io.Discard, r); errors.Is(err, ErrCorrupt) && s.heal(d) {
		return nil
	}
	return err
}

// Close closes the reader; bytes that were not read are not checked.
func (r *BlobReader) Close() error { return r.f.Close() }

// ReadBlob returns a whole blob, verified. A blob of more than limit bytes is
// an error. One that is lost or damaged is healed from the database's copy
// where there is one.
func (s *Store) ReadBlob(d digest.Digest, limit int64) ([]byte, error) {
	b, err := s.readBlob(d, limit)
	if errors.Is(err, ErrCorrupt) && s.heal(d) {
		b, err = s.readBlob(d, limit)
	}
	return b, err
}

func (s *Store) readBlob(d digest.Digest, limit int64) ([]byte, error) {
	r, err := s.OpenBlob(d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size > limit {
		return nil, fmt.Errorf("blob %s: %d bytes, at most %d are expected", d, r.Size, limit)
	}
	b := make([]byte, r.Size)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if r.Size == 0 {
		_, err = r.Read(make([]byte, 1)) // only the end proves an empty blob
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return b, nil
}

// HasBlob reports whether the blob is there, and its size in bytes. Within a
// session (see the package's doc) a blob that was found stays.
func (s *Store) HasBlob(d digest.Digest) (size int64, ok bool) {
	release, err := s.holdBlob(d)
	if err != nil {
		return 0, false // it could not be held, so it is as good as gone
	}
	defer release()
	info, err := os.Lstat(s.BlobPath(d))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// holdBlob pins a blob that is about to be looked at, when a session runs.
func (s *Store) holdBlob(d digest.Digest) (release func(), err error) {
	if !s.hasSession() {
		return func() {}, nil
	}
	gate, err := s.addGate()
	if err != nil {
		return nil, err
	}
	if err := s.pin(d); err != nil {
		gate.release()
		return nil, err
	}
	return gate.release, nil
}

// quarantineBlob moves the damaged file f, unless its name already stands for
// another one, and returns where it is.
func (s *Store) quarantineBlob(d digest.Digest, f *os.File) string {
	if !isNamed(f, s.BlobPath(d)) {
		return "no place: another has replaced it"
	}
	to := s.path(quarantineDir, "blob-"+d.Hex()+"-"+randomName())
	if err := os.Rename(s.BlobPath(d), to); err != nil {
		return s.BlobPath(d) // it stays, and each read says so
	}
	return to
}
