package store

import (
	"errors"
	"fmt"
	"os"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// marks is what GC keeps.
type marks struct {
	blobs    map[digest.Digest]bool
	trees    map[digest.Digest]bool
	builders map[digest.Digest]bool // config digests of images in use
	entries  []entry                // the journal
	live     map[string]bool        // names in the journal
	loose    []root                 // roots that keep nothing
}

// mark finds what is kept. sweep removes the lists of dead sessions on the
// way. The caller holds the gate exclusively.
func (s *Store) mark(sweep bool) (*marks, error) {
	m := &marks{
		blobs: map[digest.Digest]bool{}, trees: map[digest.Digest]bool{},
		builders: map[digest.Digest]bool{}, live: map[string]bool{},
	}
	if err := s.markRoots(m); err != nil {
		return nil, err
	}
	if err := s.markPins(m, sweep); err != nil {
		return nil, err
	}
	if err := s.markJournal(m); err != nil {
		return nil, err
	}
	return m, s.markBuilders(m)
}

// markRoots refuses when a root is damaged: what it named would be lost.
func (s *Store) markRoots(m *marks) error {
	roots, err := s.readRoots()
	if err != nil {
		return err
	}
	for _, r := range roots {
		if r.err != nil {
			return fmt.Errorf("root %s: %w: set it again, or remove it", r.name, r.err)
		}
		if r.desc.Annotations[whileNeeded] != "" {
			m.loose = append(m.loose, r)
			continue
		}
		if err := s.markImage(m, r.desc); err != nil {
			return err
		}
	}
	return nil
}

// markImage marks what a descriptor leads to, and the trees of the image
// configurations among it.
func (s *Store) markImage(m *marks, desc v1.Descriptor) error {
	for _, r := range s.refs(desc) {
		m.blobs[r.digest] = true
		if r.mediaType != v1.MediaTypeImageConfig || r.err != nil {
			continue
		}
		ids, err := s.diffIDs(r.digest)
		if errors.Is(err, ErrCorrupt) {
			continue // its trees can be unpacked again
		}
		if err != nil {
			return fmt.Errorf("blob %s: %w", r.digest, err)
		}
		for _, d := range ids {
			m.trees[d] = true
		}
	}
	return nil
}

// markPins keeps what living sessions hold. A manifest among it holds all that
// it names: an image is put bottom up, and may stand on layers found earlier.
func (s *Store) markPins(m *marks, sweep bool) error {
	pins, err := s.pinned(sweep)
	if err != nil {
		return err
	}
	for _, d := range pins {
		m.blobs[d] = true
		m.trees[d] = true
		if doc, ok := s.manifest(d); ok {
			if err := s.markImage(m, doc); err != nil {
				return err
			}
		}
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
	for _, e := range m.entries {
		if e.err != nil || !m.blobs[e.r.Manifest] {
			continue
		}
		m.live[e.name] = true
		if !e.r.Builder.IsZero() {
			m.builders[e.r.Builder] = true
		}
		for _, d := range e.r.kept() {
			m.blobs[d] = true
		}
		if err := s.markImage(m, manifestDesc(e.r.Manifest)); err != nil {
			return err
		}
	}
	return nil
}

// markBuilders keeps the images, named by no root any more, that live
// realizations were built with. A realization names the configuration; the
// manifest that names the same one is among the blobs not yet marked.
func (s *Store) markBuilders(m *marks) error {
	if len(m.builders) == 0 {
		return nil
	}
	names, err := readNames(s.path(blobsDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		d, err := digest.ParseHex(name)
		if err != nil || m.blobs[d] {
			continue
		}
		desc, ok := s.manifest(d)
		if !ok || !s.imageOf(desc, m.builders) {
			continue
		}
		if err := s.markImage(m, desc); err != nil {
			return err
		}
	}
	return nil
}

// manifest returns the descriptor of a blob that is an OCI manifest or index.
func (s *Store) manifest(d digest.Digest) (v1.Descriptor, bool) {
	info, err := os.Lstat(s.BlobPath(d))
	if err != nil || info.Size() > manifestLimit || !startsObject(s.BlobPath(d)) {
		return v1.Descriptor{}, false
	}
	desc, err := s.describe(d)
	return desc, err == nil
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

// imageOf reports whether a manifest's configuration is one of those.
func (s *Store) imageOf(desc v1.Descriptor, configs map[digest.Digest]bool) bool {
	for _, r := range s.refs(desc) {
		if r.mediaType == v1.MediaTypeImageConfig && configs[r.digest] {
			return true
		}
	}
	return false
}
