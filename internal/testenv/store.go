package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Suite is the suite of all builders that this module has.
const Suite = "bookworm"

// Arch is the architecture that the tests run on.
const Arch = recipe.Arch(runtime.GOARCH)

// Recipes returns the folder of the recipes that are committed.
func Recipes(t testing.TB) string {
	t.Helper()
	root, _, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "recipes")
}

// Mirrors returns the mirrors that tests fetch from.
func Mirrors() (fetch.Mirrors, error) {
	text := os.Getenv("PBUILD_DEBIAN_MIRROR")
	if text == "" {
		return fetch.HostMirrors("/", Suite)
	}
	m := fetch.Mirrors{Suite: Suite}
	for _, base := range strings.Fields(text) {
		one, err := fetch.ParseMirror(base, "PBUILD_DEBIAN_MIRROR")
		if err != nil {
			return m, err
		}
		m.Given = append(m.Given, one)
	}
	return m, nil
}

// shared is the shared store while it is open.
type shared struct {
	*store.Store
	recipes *recipe.Collection
	client  *fetch.Client
	maker   *builder.Maker
	root    *os.Root
}

// openShared opens the shared store; the caller, who is the place's owner,
// closes it.
func openShared(p place) (*shared, error) {
	mod, _, err := module()
	if err != nil {
		return nil, err
	}
	mirrors, err := Mirrors()
	if err != nil {
		return nil, err
	}
	s := &shared{}
	if s.root, err = os.OpenRoot(filepath.Join(mod, "recipes")); err != nil {
		return nil, err
	}
	if s.recipes, err = recipe.LoadCollection(s.root.FS()); err == nil {
		s.Store, err = store.Open(filepath.Join(p.dir, "store"))
	}
	if err != nil {
		return nil, errors.Join(err, s.root.Close())
	}
	s.client = fetch.New(s.Store, mirrors)
	s.maker = &builder.Maker{Store: s.Store, Fetch: s.client, Recipes: s.recipes, Arch: Arch}
	return s, nil
}

func (s *shared) close() {
	s.client.Close()
	s.Store.Close() // images have their roots, and packages can be fetched again
	s.root.Close()
}

// image returns a builder's image, made when it is not there. What an earlier
// lock left goes first.
func (s *shared) image(ctx context.Context, name string) (*builder.Image, error) {
	b, err := s.recipes.Builder(name)
	if err != nil {
		return nil, err
	}
	image, err := s.maker.Find(b)
	if !errors.Is(err, store.ErrNotFound) {
		return image, err
	}
	if _, err := s.GC(ctx, store.Policy{}, false); err != nil {
		return nil, err
	}
	return s.maker.Ensure(ctx, name)
}

// NewStore returns the directory of a store of the test's own that holds these
// builder images of the committed collection and nothing else. It belongs to the
// place's owner, and is removed by remove.
func NewStore(images ...string) (dir string, remove func() error, err error) {
	p, err := findPlace()
	if err != nil {
		return "", nil, err
	}
	parent, remove, err := p.newDir("store")
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(parent, "store")
	if err := FillStore(dir, images...); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return dir, remove, nil
}

// FillStore gives the store in dir, made when absent, these builder images. The
// place's owner must be able to write there, on the file system of the place:
// in TMPDIR under Main it is.
func FillStore(dir string, images ...string) error {
	p, err := findPlace()
	if err != nil {
		return err
	}
	if err := p.do(context.Background(), job{Store: dir, Images: images}, os.Stderr); err != nil {
		return fmt.Errorf("store with %s: %w", images, err)
	}
	return nil
}

// makeStore makes the store dir with images of the shared one.
func (p place) makeStore(ctx context.Context, dir string, images []string) error {
	to, err := store.Open(dir)
	if err != nil {
		return err
	}
	defer to.Close()
	if len(images) == 0 {
		return nil
	}
	from, err := openShared(p)
	if err != nil {
		return err
	}
	defer from.close()
	for _, name := range images {
		chain, err := from.recipes.Chain(name)
		if err != nil {
			return err
		}
		if _, err := from.image(ctx, name); err != nil {
			return err
		}
		for _, b := range chain {
			if err := from.link(b, to); err != nil {
				return fmt.Errorf("%s: %w", b.Name, err)
			}
		}
	}
	return nil
}

// link gives to the image of b that s has. Files are hard links: neither store
// ever writes to one.
func (s *shared) link(b *recipe.Builder, to *store.Store) error {
	image, err := s.maker.Find(b)
	if err != nil {
		return err
	}
	root, err := s.Root(b.Name)
	if err != nil {
		return err
	}
	body, err := os.ReadFile(s.blob(root))
	if err != nil {
		return err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(body, &manifest); err != nil {
		return err
	}
	for _, d := range append([]v1.Descriptor{root, manifest.Config}, manifest.Layers...) {
		if err := linkFile(s.blob(d), blob(to, d)); err != nil {
			return err
		}
	}
	for _, l := range image.Layers {
		if err := linkTree(l, to); err != nil {
			return err
		}
	}
	return to.SetRoot(b.Name, root)
}

func (s *shared) blob(d v1.Descriptor) string { return blob(s.Store, d) }

func blob(s *store.Store, desc v1.Descriptor) string {
	d, err := digest.Parse(string(desc.Digest))
	if err != nil {
		panic(err) // SetRoot has checked it
	}
	return s.BlobPath(d)
}
