package builder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Format is what stands for «deb» or «rpm» in the events about an image.
const Format = "image"

// Maker finds builder images in a store, and makes those that are not there.
// It is safe for concurrent use: one image is made once at a time, also by
// several processes.
type Maker struct {
	Store   *store.Store
	Fetch   *fetch.Client
	Recipes *recipe.Collection
	Arch    recipe.Arch
	Events  event.Sink    // may be nil
	Limits  limits.Limits // of each program that configures packages
}

// Image is a builder image that stands unpacked in the store.
type Image struct {
	Name   string        // the builder's, or what an extension is for
	Digest digest.Digest // of the OCI config
	Layers []Layer       // bottom first
}

// Layer is one layer of an image.
type Layer struct {
	DiffID digest.Digest // of the uncompressed tar
	Size   int64         // of the uncompressed tar, bytes
	Tree   *store.Tree

	blob     digest.Digest // the tar, compressed
	blobSize int64         // bytes
}

// Lower returns the directories of the layers, bottom first, for sandbox.Spec.
func (i *Image) Lower() []string {
	dirs := make([]string, len(i.Layers))
	for n, l := range i.Layers {
		dirs[n] = l.Tree.Dir
	}
	return dirs
}

// ErrNotLocked is returned for a builder whose NAME.lock names no digest.
var ErrNotLocked = errors.New("not locked")

// Ensure returns the image that the builder's lock names, from the store or
// newly made. Errors are *MismatchError when it came out otherwise, those of
// fetching, and those of the sandbox.
func (m *Maker) Ensure(ctx context.Context, name string) (*Image, error) {
	return m.ensureChain(ctx, name, &look{})
}

// EnsureWhole is Ensure with all of the image read, blobs and trees. What is
// damaged is unpacked again from its blob, or made again where that is lost or
// damaged too. healed reports that something was.
func (m *Maker) EnsureWhole(ctx context.Context, name string) (image *Image, healed bool, err error) {
	l := &look{full: true, seen: map[digest.Digest]*store.Tree{}}
	image, err = m.ensureChain(ctx, name, l)
	return image, l.damage, err
}

func (m *Maker) ensureChain(ctx context.Context, name string, l *look) (*Image, error) {
	chain, err := m.Recipes.Chain(name)
	if err != nil {
		return nil, err
	}
	var image *Image
	for _, b := range chain {
		if b.Lock == nil || b.Lock.Builder.IsZero() {
			return nil, fmt.Errorf("builder %s: %w", b.Name, ErrNotLocked)
		}
		if image, err = m.ensure(ctx, m.build(b), image, l); err != nil {
			return nil, fmt.Errorf("builder %s: %w", b.Name, err)
		}
	}
	return image, nil
}

// Make makes the builder's image anew from its packages and returns the lock
// that describes it, with the text of NAME.files. It is how locks come into
// being, so it does not compare; what is below must be locked already, and is
// read in full, lest its damage get into a lock. The image is kept, since it is
// what the new lock names.
func (m *Maker) Make(ctx context.Context, name string) (*recipe.BuilderLock, []byte, error) {
	chain, err := m.Recipes.Chain(name)
	if err != nil {
		return nil, nil, err
	}
	b := chain[len(chain)-1]
	if b.Lock == nil {
		return nil, nil, fmt.Errorf("builder %s: %w: no Release date", name, ErrNotLocked)
	}
	var base *Image
	if b.Base != "" {
		if base, _, err = m.EnsureWhole(ctx, b.Base); err != nil {
			return nil, nil, err
		}
	}
	_, lock, files, err := m.remake(ctx, m.build(b), base)
	if err != nil {
		return nil, nil, fmt.Errorf("builder %s: %w", name, err)
	}
	return lock, files, nil
}

// Lock is Make for packages that were just resolved, over base; nil: over
// nothing. It also returns the image. What the builder was locked to before
// does not matter.
func (m *Maker) Lock(ctx context.Context, b *recipe.Builder, release recipe.Release, packages []recipe.Package, base *Image) (*Image, *recipe.BuilderLock, []byte, error) {
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		return nil, nil, nil, err
	}
	resolved := *b
	resolved.Lock = &recipe.BuilderLock{Suite: b.Suite, Release: release, Packages: digest.Of(list.Bytes())}
	j := m.build(&resolved)
	j.packages = func() ([]recipe.Package, error) { return packages, nil }
	image, lock, files, err := m.remake(ctx, j, base)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("builder %s: %w", b.Name, err)
	}
	return image, lock, files, nil
}

func (m *Maker) emit(e event.Event) {
	if m.Events != nil {
		e.Time = time.Now()
		m.Events(e)
	}
}

// Cost returns what making the builder's image will fetch and put on disk, in
// bytes, from its lock; zero when the store has the image.
func (m *Maker) Cost(b *recipe.Builder) (fetch, disk int64, err error) {
	if m.present(b) {
		return 0, 0, nil
	}
	packages, err := m.Recipes.Packages(b)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range packages {
		if _, ok := m.Store.HasBlob(p.SHA256); !ok {
			fetch += p.Size
		}
		disk += p.Size
	}
	if b.Lock != nil {
		disk += b.Lock.Size
	}
	return fetch, disk, nil
}

// present tells cheaply whether the store names the image that the lock names.
func (m *Maker) present(b *recipe.Builder) bool {
	manifest, err := m.manifest(b.Name)
	return err == nil && b.Lock != nil && string(manifest.Config.Digest) == b.Lock.Builder.String()
}
