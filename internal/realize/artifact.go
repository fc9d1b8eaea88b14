package realize

import (
	"encoding/json"
	"path"

	godigest "github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// mediaTypes are those of package files: of a .deb the registered one (IANA media
// types), of an .rpm, which has none, the usual one (freedesktop.org's
// shared-mime-info).
var mediaTypes = map[recipe.Format]string{
	recipe.FormatDeb: deb.MediaType,
	recipe.FormatRPM: "application/x-rpm",
}

// mediaType is that of a layer; of the files of a source package what they are.
func mediaType(f recipe.Format, name string) string {
	if t, ok := mediaTypes[f]; ok {
		return t
	}
	switch path.Ext(name) {
	case ".rpm":
		return mediaTypes[recipe.FormatRPM]
	case ".gz":
		return "application/gzip" // RFC 6713
	case ".xz":
		return "application/x-xz"
	case ".bz2":
		return "application/x-bzip2"
	}
	return "text/plain; charset=utf-8" // a .dsc, or a signature
}

// putArtifact stores the OCI manifest of the packages (image-spec, manifest.md,
// «Guidelines for artifact usage»): one layer a file, an empty config of the
// artifact's type, and nothing of who made it, when, or from what.
func (s *site) putArtifact(files []store.File) (digest.Digest, error) {
	empty := []byte("{}")
	config, err := s.Store.PutBytes(empty)
	if err != nil {
		return digest.Digest{}, err
	}
	manifest := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: store.ArtifactType,
		Config:       v1.Descriptor{MediaType: store.ArtifactType, Digest: godigest.Digest(config.String()), Size: int64(len(empty))},
	}
	for _, f := range files {
		manifest.Layers = append(manifest.Layers, v1.Descriptor{
			MediaType: mediaType(s.node.Format, f.Name), Digest: godigest.Digest(f.Digest.String()), Size: f.Size,
			Annotations: map[string]string{v1.AnnotationTitle: f.Name},
		})
	}
	body, err := json.Marshal(manifest)
	if err != nil {
		return digest.Digest{}, err
	}
	return s.Store.PutBytes(body)
}
