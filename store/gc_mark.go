package store

import (
	"errors"
	"fmt"
	"os"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// marks is what GC keeps, and what it looks at to find out.
type marks struct {
	blobs   map[digest.Digest]bool
	trees   map[digest.Digest]bool
	entries []entry         // the journal
	live    map[string]bool // names in the journal
	loose   []root          // roots that keep nothing
	images  images
}

// needs is what something can't be without.
type needs struct {
	blobs, trees []digest.Digest
	unknown      []digest.Digest // damaged or lost manifests: what they name is not in it
}

// known returns ErrCorrupt where a manifest can't be read: what it names would be lost.
func (n needs) known() error {
	if len(n.unknown) == 0 {
		return nil
	}
	return fmt.Errorf("%w: what blob %s names is not known", ErrCorrupt, n.unknown[0])
}

func (n *needs) add(other needs) {
	n.blobs = append(n.blobs, other.blobs...)
	n.trees = append(n.trees, other.trees...)
}

func (m *marks) keep(n needs) {
	for _, d := range n.blobs {
		m.blobs[d] = true
	}
	for _, d := range n.trees {
		m.trees[d] = true
	}
}

// mark finds what is kept whatever the policy says. sweep removes the lists of
// dead sessions on the way. The caller holds the gate exclusively.
func (s *Store) mark(sweep bool) (*marks, error) {
	m := &marks{blobs: map[digest.Digest]bool{}, trees: map[digest.Digest]bool{}, live: map[string]bool{}}
	if err := s.markRoots(m); err != nil {
		return nil, err
	}
	if err := s.markPins(m, sweep); err != nil {
		return nil, err
	}
	return m, s.markJournal(m)
}

// markRoots refuses when a root, or a manifest that it leads to, is damaged: what it
// named would be lost.
func (s *Store) markRoots(m *marks) error {
	roots, err := s.readRoots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		if r.err != nil {
			return fmt.Errorf("root %s: %w: set it again, or remove it", r.name, r.err)
		}
		if isLoose(r.desc) {
			if r.used, err = lastUse(s.path(rootsDir, r.name)); err != nil {
				return err
			}
			m.loose = append(m.loose, r)
			continue
		}
		n, err := s.needsOf(r.desc)
		if err == nil {
			err = n.known()
		}
		if err != nil {
			return fmt.Errorf("root %s: %w", r.name, err)
		}
		m.keep(n)
	}
	return nil
}

// needsOf returns what a descriptor leads to, and the trees of the image
// configurations among it.
func (s *Store) needsOf(desc v1.Descriptor) (n needs, err error) {
	for _, r := range s.refs(desc) {
		n.blobs = append(n.blobs, r.digest)
		if isPassing(r.err) {
			return needs{}, fmt.Errorf("blob %s: %w", r.digest, r.err)
		}
		if r.err != nil && hasChildren(r.mediaType) {
			n.unknown = append(n.unknown, r.digest)
		}
		if r.mediaType != v1.MediaTypeImageConfig || r.err != nil {
			continue
		}
		ids, err := s.diffIDs(r.digest)
		if errors.Is(err, ErrCorrupt) {
			continue // its trees can be unpacked again
		}
		if err != nil {
			return needs{}, fmt.Errorf("blob %s: %w", r.digest, err)
		}
		n.trees = append(n.trees, ids...)
	}
	return n, nil
}

// markPins keeps what living sessions hold. A manifest among it holds all that
// it names: an image is put bottom up, and may stand on layers found earlier.
func (s *Store) markPins(m *marks, sweep bool) error {
	pins, err := s.pinned(sweep)
	if err != nil {
		return err
	}
	m.keep(needs{blobs: pins, trees: pins})
	for _, d := range pins {
		doc, ok, err := s.manifest(d)
		if err != nil {
			return fmt.Errorf("of a running build: %w", err)
		}
		if !ok {
			continue
		}
		n, err := s.needsOf(doc)
		if err != nil {
			return err
		}
		m.keep(n)
	}
	return nil
}

// markJournal keeps the realizations whose manifest is kept. A damaged entry
// is a miss already, and garbage.
func (s *Store) markJournal(m *marks) error {
	var err error
	if m.entries, err = s.readJournal(); err != nil {
		return err
	}
	if m.images, err = s.imagesOf(m.entries); err != nil {
		return err
	}
	for i, e := range m.entries {
		if m.entries[i].used, err = lastUse(s.path(journalDir, e.name)); err != nil {
			return err
		}
		if e.err != nil || !m.blobs[e.r.Manifest] {
			continue
		}
		m.live[e.name] = true
		n, err := s.needsOfEntry(e, m.images)
		if err != nil {
			return err
		}
		m.keep(n)
	}
	return nil
}

// needsOfEntry returns what a realization can't be without: its blobs, what it
// was built from, and the image that it was built with.
func (s *Store) needsOfEntry(e entry, built images) (needs, error) {
	n, err := s.needsOf(manifestDesc(e.r.Manifest))
	if err != nil {
		return needs{}, err
	}
	n.blobs = append(n.blobs, e.r.kept()...)
	n.add(built[e.r.Builder])
	return n, nil
}

// images says what the images need that realizations were built with, by the
// digest of their configuration: of the image itself and of the artifact with its
// packages, which names the same one.
type images map[digest.Digest]needs

// imagesOf finds the images of the entries, also those that no root names any
// more. A realization names the configuration; the manifest that names the same
// one is somewhere among the blobs.
func (s *Store) imagesOf(entries []entry) (images, error) {
	built := images{}
	for _, e := range entries {
		if e.err == nil && !e.r.Builder.IsZero() {
			built[e.r.Builder] = needs{}
		}
	}
	if len(built) == 0 {
		return built, nil
	}
	names, err := readNames(s.path(blobsDir))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		d, err := digest.ParseHex(name)
		if err != nil {
			continue
		}
		desc, ok, err := s.manifest(d)
		if err != nil && !isLost(err) {
			return nil, err
		}
		if err != nil || !ok {
			continue
		}
		for _, r := range s.refs(desc) {
			n, wanted := built[r.digest]
			if !wanted || r.mediaType != v1.MediaTypeImageConfig {
				continue
			}
			more, err := s.needsOf(desc)
			if err != nil {
				return nil, err
			}
			n.add(more)
			built[r.digest] = n
		}
	}
	return built, nil
}

// manifest returns the descriptor of a blob that is an OCI manifest or index. The
// error, which may be ErrCorrupt, is of one that looks like one and can't be read.
func (s *Store) manifest(d digest.Digest) (desc v1.Descriptor, ok bool, err error) {
	info, err := os.Lstat(s.BlobPath(d))
	if err != nil || info.Size() > manifestLimit || !startsObject(s.BlobPath(d)) {
		return v1.Descriptor{}, false, nil
	}
	b, err := s.peekBlob(d, manifestLimit)
	if errors.Is(err, ErrNotFound) {
		return v1.Descriptor{}, false, nil
	}
	if err != nil {
		return v1.Descriptor{}, false, fmt.Errorf("manifest %s: %w", d, err)
	}
	desc, err = descriptorOf(d, b)
	return desc, err == nil, nil // other JSON
}

// startsObject looks at the first byte alone: most blobs are no JSON.
func startsObject(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [1]byte
	_, err = f.Read(b[:])
	return err == nil && b[0] == '{'
}
