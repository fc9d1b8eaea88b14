package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	ocidigest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

const (
	// manifestLimit is the size in bytes of the largest manifest, index or
	// image configuration that is read.
	manifestLimit = 4 << 20
	// indexDepth is how many indexes may stand above a manifest.
	indexDepth = 4
)

// ArtifactType is the type of the manifests that hold a realization's packages.
const ArtifactType = "application/vnd.pbuild.package.v1"

// ref is a blob that a descriptor names.
type ref struct {
	digest    digest.Digest
	mediaType string
	err       error // ErrNotFound, ErrCorrupt, or what its manifest says wrong
}

// refs returns the blob of a descriptor and all that are reachable from it:
// the manifests of an index, config and layers of a manifest (image-spec,
// manifest.md and image-index.md). Manifests are read and verified, of other
// blobs presence and size are looked at. A manifest that cannot be read ends
// the way there.
func (s *Store) refs(desc v1.Descriptor) []ref {
	seen := map[digest.Digest]bool{}
	var all []ref
	var walk func(v1.Descriptor, int)
	walk = func(desc v1.Descriptor, depth int) {
		d, err := digest.Parse(string(desc.Digest))
		if err != nil || seen[d] {
			return // parseManifest has refused other algorithms
		}
		seen[d] = true
		r := ref{digest: d, mediaType: desc.MediaType}
		if !hasChildren(desc.MediaType) {
			r.err = s.checkBlobSize(d, desc.Size)
			all = append(all, r)
			return
		}
		b, err := s.peekBlob(d, manifestLimit)
		var children []v1.Descriptor
		switch {
		case err != nil:
		case desc.Size >= 0 && desc.Size != int64(len(b)):
			err = fmt.Errorf("%w: %d bytes, its descriptor says %d", ErrCorrupt, len(b), desc.Size)
		case depth > indexDepth:
			err = fmt.Errorf("more than %d indexes above it", indexDepth)
		default:
			_, children, err = parseManifest(b)
		}
		r.err = err
		all = append(all, r)
		for _, c := range children {
			walk(c, depth+1)
		}
	}
	walk(desc, 0)
	return all
}

func hasChildren(mediaType string) bool {
	return mediaType == v1.MediaTypeImageManifest || mediaType == v1.MediaTypeImageIndex
}

// checkBlobSize looks at a blob without reading it; a negative size is unknown.
func (s *Store) checkBlobSize(d digest.Digest, size int64) error {
	info, err := os.Lstat(s.BlobPath(d))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return bare(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: not a file", ErrCorrupt)
	case size >= 0 && info.Size() != size:
		return fmt.Errorf("%w: %d bytes, its descriptor says %d", ErrCorrupt, info.Size(), size)
	}
	return nil
}

// document is what manifests and indexes have between them.
type document struct {
	MediaType    string          `json:"mediaType"`
	ArtifactType string          `json:"artifactType"`
	Config       *v1.Descriptor  `json:"config"`
	Layers       []v1.Descriptor `json:"layers"`
	Manifests    []v1.Descriptor `json:"manifests"`
}

// parseManifest reads an OCI manifest or index, and returns what it names. One
// that could be read as either is refused (CVE-2021-41190).
func parseManifest(b []byte) (document, []v1.Descriptor, error) {
	var doc document
	if err := json.Unmarshal(b, &doc); err != nil {
		return doc, nil, fmt.Errorf("manifest: %w", err)
	}
	isManifest := doc.Config != nil || doc.Layers != nil
	isIndex := doc.Manifests != nil
	var children []v1.Descriptor
	switch {
	case isManifest && isIndex:
		return doc, nil, errors.New("manifest: has both layers and manifests")
	case isManifest && doc.Config == nil:
		return doc, nil, errors.New("manifest: has no config")
	case isManifest && (doc.MediaType == "" || doc.MediaType == v1.MediaTypeImageManifest):
		doc.MediaType = v1.MediaTypeImageManifest
		children = append([]v1.Descriptor{*doc.Config}, doc.Layers...)
	case isIndex && (doc.MediaType == "" || doc.MediaType == v1.MediaTypeImageIndex):
		doc.MediaType = v1.MediaTypeImageIndex
		children = doc.Manifests
	default:
		return doc, nil, fmt.Errorf("manifest: neither manifest nor index, media type %q", doc.MediaType)
	}
	for _, c := range children {
		if _, err := digest.Parse(string(c.Digest)); err != nil {
			return doc, nil, fmt.Errorf("manifest: %w", err)
		}
		if c.Size < 0 {
			return doc, nil, fmt.Errorf("manifest: %s: size %d", c.Digest, c.Size)
		}
	}
	return doc, children, nil
}

// manifestDesc is the descriptor of a manifest of which the size is not known.
func manifestDesc(d digest.Digest) v1.Descriptor {
	return v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: ocidigest.Digest(d.String()), Size: -1}
}

// describe returns the full descriptor of a manifest in the store.
func (s *Store) describe(d digest.Digest) (v1.Descriptor, error) {
	b, err := s.peekBlob(d, manifestLimit)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("manifest %s: %w", d, err)
	}
	return descriptorOf(d, b)
}

// descriptorOf returns the full descriptor of a manifest's bytes.
func descriptorOf(d digest.Digest, b []byte) (v1.Descriptor, error) {
	doc, _, err := parseManifest(b)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("%s: %w", d, err)
	}
	return v1.Descriptor{
		MediaType: doc.MediaType, ArtifactType: doc.ArtifactType,
		Digest: ocidigest.Digest(d.String()), Size: int64(len(b)),
	}, nil
}

// diffIDs returns the layers that an image configuration lists, as digests of
// their uncompressed tars (image-spec, config.md).
func (s *Store) diffIDs(config digest.Digest) ([]digest.Digest, error) {
	b, err := s.peekBlob(config, manifestLimit)
	if err != nil {
		return nil, err
	}
	var image v1.Image
	if err := json.Unmarshal(b, &image); err != nil {
		return nil, fmt.Errorf("image configuration: %w", err)
	}
	var ds []digest.Digest
	for _, id := range image.RootFS.DiffIDs {
		d, err := digest.Parse(string(id))
		if err != nil {
			return nil, fmt.Errorf("image configuration: %w", err)
		}
		ds = append(ds, d)
	}
	return ds, nil
}

func digestsOf(refs []ref) []digest.Digest {
	ds := make([]digest.Digest, 0, len(refs))
	for _, r := range refs {
		ds = append(ds, r.digest)
	}
	return ds
}
