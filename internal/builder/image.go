package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

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
func imageConfig(date time.Time, arch recipe.Arch, base *Image, diffID ours.Digest) ([]byte, error) {
	created := date.UTC()
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
func (m *Maker) keep(j job, base *Image, l *made) (*Image, error) {
	if _, err := m.Store.PutBytes(l.config); err != nil {
		return nil, err
	}
	manifest := v1.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: v1.MediaTypeImageManifest,
		Config:    descriptor(v1.MediaTypeImageConfig, l.digest, int64(len(l.config))),
	}
	image := &Image{Name: j.name, Digest: l.digest}
	if base != nil {
		image.Layers = append(image.Layers, base.Layers...)
	}
	layer := Layer{DiffID: l.diffID, Size: l.size, blob: l.blob, blobSize: l.blobSize}
	image.Layers = append(image.Layers, layer)
	for _, l := range image.Layers {
		manifest.Layers = append(manifest.Layers, descriptor(v1.MediaTypeImageLayerZstd, l.blob, l.blobSize))
	}
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
	if image.Layers[len(image.Layers)-1].Tree, err = m.Store.Tree(l.diffID); err != nil {
		return nil, err
	}
	name := m.Store.SetRoot
	if j.builder == nil {
		name = m.Store.SetRootWhileNeeded
	}
	if err := name(j.root, descriptor(v1.MediaTypeImageManifest, d, int64(len(body)))); err != nil {
		return nil, err
	}
	kept, err := m.keepPackages(manifest.Config, l.packages)
	if err != nil {
		return nil, err
	}
	return image, name(packagesRoot(j.root), kept)
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
	if b.Lock == nil || b.Lock.Builder.IsZero() {
		return nil, store.ErrNotFound
	}
	return m.find(context.Background(), m.build(b), &look{})
}

func (m *Maker) find(ctx context.Context, j job, look *look) (*Image, error) {
	manifest, err := m.manifest(j.root)
	if err != nil {
		return nil, missing(err)
	}
	d, err := ours.Parse(string(manifest.Config.Digest))
	if err != nil || !j.want.IsZero() && d != j.want {
		return nil, store.ErrNotFound
	}
	var config v1.Image
	if err := m.document(string(manifest.Config.Digest), &config); err != nil {
		return nil, missing(err)
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, store.ErrNotFound
	}
	image := &Image{Name: j.name, Digest: d}
	for i, name := range config.RootFS.DiffIDs {
		diffID, err := ours.Parse(string(name))
		if err != nil {
			return nil, err
		}
		l := Layer{DiffID: diffID, blobSize: manifest.Layers[i].Size}
		if l.blob, err = ours.Parse(string(manifest.Layers[i].Digest)); err != nil {
			return nil, err
		}
		if l.Tree, err = m.tree(ctx, diffID, l.blob, look); err != nil {
			return nil, missing(err)
		}
		image.Layers = append(image.Layers, l)
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
