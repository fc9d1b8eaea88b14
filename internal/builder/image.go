package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	ours "github.com/fuel-infra/pbuild/store/digest"
)

// maxDocument bounds manifests and configs, in bytes.
const maxDocument = 1 << 20

// imageConfig is the OCI image config (image-spec, config.md), whose digest is
// the image's: platform, date and layers, and nothing that differs between makers.
func imageConfig(b *recipe.Builder, arch recipe.Arch, base *Image, diffID ours.Digest) ([]byte, error) {
	created := b.Lock.Release.Date.UTC()
	config := v1.Image{
		Created:  &created,
		Platform: v1.Platform{Architecture: string(arch), OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers"},
	}
	if base != nil {
		for _, l := range base.Layers {
			config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.Digest(l.DiffID.String()))
		}
	}
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.Digest(diffID.String()))
	return json.Marshal(config)
}

// keep puts the image into the store and names it.
func (m *Maker) keep(b *recipe.Builder, base *Image, l *made) (*Image, error) {
	if _, err := m.Store.PutBytes(l.config); err != nil {
		return nil, err
	}
	manifest := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest,
		Config:    descriptor(v1.MediaTypeImageConfig, l.digest, int64(len(l.config))),
	}
	image := &Image{Name: b.Name, Digest: l.digest}
	if base != nil {
		under, err := m.manifest(base.Name)
		if err != nil {
			return nil, err
		}
		manifest.Layers = append(manifest.Layers, under.Layers...)
		image.Layers = append(image.Layers, base.Layers...)
	}
	layer := descriptor(v1.MediaTypeImageLayerZstd, l.blob, l.blobSize)
	manifest.Layers = append(manifest.Layers, layer)
	body, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	d, err := m.Store.PutBytes(body)
	if err != nil {
		return nil, err
	}
	if err := l.tree.Commit(l.diffID, l.ledger); err != nil {
		return nil, err
	}
	t, err := m.Store.Tree(l.diffID)
	if err != nil {
		return nil, err
	}
	image.Layers = append(image.Layers, Layer{DiffID: l.diffID, Size: l.size, Tree: t})
	return image, m.Store.SetRoot(b.Name, descriptor(v1.MediaTypeImageManifest, d, int64(len(body))))
}

func descriptor(mediaType string, d ours.Digest, size int64) v1.Descriptor {
	return v1.Descriptor{MediaType: mediaType, Digest: digest.Digest(d.String()), Size: size}
}

// manifest reads the manifest that a root of the store names.
func (m *Maker) manifest(root string) (*v1.Manifest, error) {
	desc, err := m.Store.Root(root)
	if err != nil {
		return nil, err
	}
	var manifest v1.Manifest
	return &manifest, m.document(string(desc.Digest), &manifest)
}

func (m *Maker) document(name string, v any) error {
	d, err := ours.Parse(name)
	if err != nil {
		return err
	}
	body, err := m.Store.ReadBlob(d, maxDocument)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s: %w", d.Short(), err)
	}
	return nil
}

// Find returns the image that the builder's lock names if the store has it;
// a layer that is there only as a blob is unpacked. store.ErrNotFound otherwise,
// also when what is there was found damaged.
func (m *Maker) Find(b *recipe.Builder) (*Image, error) {
	return m.find(context.Background(), b, &look{})
}

func (m *Maker) find(ctx context.Context, b *recipe.Builder, l *look) (*Image, error) {
	manifest, err := m.manifest(b.Name)
	if err != nil {
		return nil, missing(err)
	}
	if b.Lock == nil || string(manifest.Config.Digest) != b.Lock.Builder.String() {
		return nil, store.ErrNotFound
	}
	var config v1.Image
	if err := m.document(string(manifest.Config.Digest), &config); err != nil {
		return nil, missing(err)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, store.ErrNotFound
	}
	image := &Image{Name: b.Name, Digest: b.Lock.Builder}
	for i, name := range config.RootFS.DiffIDs {
		diffID, err := ours.Parse(string(name))
		if err != nil {
			return nil, err
		}
		t, err := m.tree(ctx, diffID, manifest.Layers[i], l)
		if err != nil {
			return nil, missing(err)
		}
		image.Layers = append(image.Layers, Layer{DiffID: diffID, Tree: t})
	}
	return image, nil
}

// missing turns damage, which the store has put aside by now, into «not there»:
// the image is made again.
func missing(err error) error {
	if errors.Is(err, store.ErrCorrupt) {
		return store.ErrNotFound
	}
	return err
}
