package builder

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	specs "github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	ours "github.com/fuel-infra/pbuild/store/digest"
)

// PackagesType is the type of the artifacts that hold the packages which a layer
// was made of. Their config is that of the image, so that GC keeps both or none.
const PackagesType = "application/vnd.pbuild.packages.v1"

// packagesRoot names the packages of the image that root names.
func packagesRoot(root string) string { return root + "_packages" }

// keepPackages puts the artifact that names the packages of the image with this config:
// with it an image can be made again when they are gone from every mirror.
func (m *Maker) keepPackages(config v1.Descriptor, packages []recipe.Package) (v1.Descriptor, error) {
	manifest := v1.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    v1.MediaTypeImageManifest,
		ArtifactType: PackagesType,
		Config:       config,
	}
	for _, p := range packages {
		layer := descriptor(deb.MediaType, p.SHA256, p.Size)
		layer.Annotations = map[string]string{v1.AnnotationTitle: path.Base(p.Path)}
		manifest.Layers = append(manifest.Layers, layer)
	}
	body, err := json.Marshal(manifest)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d, err := m.Store.PutBytes(body)
	return descriptor(v1.MediaTypeImageManifest, d, int64(len(body))), err
}

// EnsurePackages reads the packages that a builder's image and those below it were made
// of, and fetches again what is lost or damaged. The images are there. Of one that came
// without any it fetches none. healed reports that something was fetched.
func (m *Maker) EnsurePackages(ctx context.Context, name string) (healed bool, err error) {
	chain, err := m.Recipes.Chain(name)
	if err != nil {
		return false, err
	}
	for _, b := range chain {
		one, err := m.ensurePackages(ctx, m.build(b))
		if err != nil {
			return healed, fmt.Errorf("builder %s: %w", b.Name, err)
		}
		healed = healed || one
	}
	return healed, nil
}

func (m *Maker) ensurePackages(ctx context.Context, j job) (healed bool, err error) {
	unlock, err := m.Store.LockName(ctx, "builder-"+j.root)
	if err != nil {
		return false, err
	}
	defer unlock()
	image, err := m.manifest(j.root)
	if err != nil {
		return false, err
	}
	err = m.checkPackages(ctx, packagesRoot(j.root), image.Config)
	if err == nil || !isLost(err) {
		return false, err
	}
	if had, err := m.hasPackages(j); err != nil || !had {
		return false, err
	}
	end := event.Event{Node: j.node(), State: event.Cached}
	if err = m.fetchPackages(ctx, j, image.Config); err != nil {
		end.State, end.Err = event.Failed, ctx.Err() // why is told with what needed the image
	}
	m.emit(end)
	return err == nil, err
}

// hasPackages reports whether any of an image's packages is here, or their name is: a
// store may have got the image without them.
func (m *Maker) hasPackages(j job) (bool, error) {
	if _, err := m.Store.Root(packagesRoot(j.root)); err == nil {
		return true, nil
	}
	packages, err := j.packages()
	return slices.ContainsFunc(packages, func(p recipe.Package) bool {
		_, ok := m.Store.HasBlob(p.SHA256)
		return ok
	}), err
}

// checkPackages returns store.ErrNotFound or store.ErrCorrupt where one of the packages
// is no good, or the root names those of another image.
func (m *Maker) checkPackages(ctx context.Context, root string, config v1.Descriptor) error {
	manifest, err := m.manifest(root)
	if err != nil {
		return err
	}
	if manifest.Config.Digest != config.Digest {
		return store.ErrNotFound
	}
	for _, layer := range manifest.Layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		d, err := ours.Parse(string(layer.Digest))
		if err != nil {
			return err
		}
		if err := m.Store.CheckBlob(d); err != nil {
			return err
		}
	}
	return nil
}

func (m *Maker) fetchPackages(ctx context.Context, j job, config v1.Descriptor) error {
	packages, err := j.packages()
	if err != nil {
		return err
	}
	if err := m.fetch(ctx, j.node(), packages); err != nil {
		return err
	}
	kept, err := m.keepPackages(config, packages)
	if err != nil {
		return err
	}
	return m.Store.SetRoot(packagesRoot(j.root), kept)
}
