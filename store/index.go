package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// sealAnnotation holds the digest of index.json as it is without that
// annotation. It tells a damaged index from one that is behind roots/ because
// its writer was killed between the two.
const sealAnnotation = "io.github.fuel-infra.pbuild.seal"

// encodeIndex returns index.json (image-spec, image-layout.md): a descriptor
// for each root, whose name is in the annotation org.opencontainers.image.ref.name.
func encodeIndex(roots []root) ([]byte, error) {
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{}}
	for _, r := range roots {
		if r.err != nil {
			continue // damaged, without a copy: Verify names it
		}
		d := r.desc
		d.Annotations = maps.Clone(d.Annotations)
		if d.Annotations == nil {
			d.Annotations = map[string]string{}
		}
		d.Annotations[v1.AnnotationRefName] = r.name
		index.Manifests = append(index.Manifests, d)
	}
	return sealIndex(index)
}

func sealIndex(index v1.Index) ([]byte, error) {
	index.Annotations = nil
	b, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	index.Annotations = map[string]string{sealAnnotation: digest.Of(b).String()}
	if b, err = json.MarshalIndent(index, "", "\t"); err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// checkIndex returns ErrCorrupt for an index that encodeIndex did not write.
func checkIndex(b []byte) error {
	var index v1.Index
	if err := json.Unmarshal(b, &index); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if again, err := sealIndex(index); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: its seal does not fit", ErrCorrupt)
	}
	return nil
}

func (s *Store) writeIndex(roots []root) error {
	b, err := encodeIndex(roots)
	if err != nil {
		return err
	}
	return s.writeFile(indexFile, b, 0o644)
}

// deriveIndex writes index.json from roots/. The caller holds rootsLock.
func (s *Store) deriveIndex() error {
	roots, err := s.readRoots()
	if err != nil {
		return err
	}
	return s.writeIndex(s.mendRoots(roots))
}

// mendRoots puts in the place of damaged roots what the index says of them, so that
// it stays their copy, until they are set again or Repair puts them back.
func (s *Store) mendRoots(roots []root) []root {
	var copies map[string]v1.Descriptor
	for i, r := range roots {
		if r.err == nil {
			continue
		}
		if copies == nil {
			copies = s.indexed()
		}
		if desc, ok := copies[r.name]; ok {
			roots[i].desc, roots[i].err = desc, nil
		}
	}
	return roots
}

// indexed returns the roots as index.json has them; none where it is damaged.
func (s *Store) indexed() map[string]v1.Descriptor {
	copies := map[string]v1.Descriptor{}
	b, err := os.ReadFile(s.path(indexFile))
	if err != nil || checkIndex(b) != nil {
		return copies
	}
	var index v1.Index
	if json.Unmarshal(b, &index) != nil {
		return copies
	}
	for _, d := range index.Manifests {
		name := d.Annotations[v1.AnnotationRefName]
		delete(d.Annotations, v1.AnnotationRefName)
		copies[name] = d
	}
	return copies
}

func (s *Store) rebuildIndex() error {
	lock, err := blockFlock(s.path(locksDir, rootsLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	return s.deriveIndex()
}

// settleIndex returns ErrCorrupt for a damaged index, and brings one up to
// date that a killed writer left behind roots/.
func (s *Store) settleIndex() error {
	lock, err := blockFlock(s.path(locksDir, rootsLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	b, err := os.ReadFile(s.path(indexFile))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: it is gone", ErrCorrupt)
	}
	if err != nil {
		return err
	}
	if err := checkIndex(b); err != nil {
		return err
	}
	roots, err := s.readRoots()
	if err != nil {
		return err
	}
	want, err := encodeIndex(s.mendRoots(roots))
	if err != nil || bytes.Equal(b, want) {
		return err
	}
	return s.writeFile(indexFile, want, 0o644)
}
