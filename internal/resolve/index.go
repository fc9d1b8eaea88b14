package resolve

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// maxInRelease bounds dists/SUITE/InRelease, in bytes; Debian 12's has 151 KB.
const maxInRelease = 4 << 20

// maxPackages bounds Packages.xz, in bytes; Debian 12's main has 9 MB.
const maxPackages = 256 << 20

// component is the only one that locks take packages from.
const component = "main"

// Resolver finds exact packages. It is safe for concurrent use.
type Resolver struct {
	Store *store.Store
	Fetch *fetch.Client
	Arch  recipe.Arch

	// Keyring holds the OpenPGP keys that may sign an archive, as gpgv reads
	// them. Empty: debian-archive-keyring.gpg of the image that apt runs in.
	Keyring []byte
}

// Index is an archive's state. Until an Apt stands over it, it is a mirror's
// word.
type Index struct {
	Suite   string         // codename, e.g. bookworm
	Release recipe.Release // Date as InRelease says

	packages digest.Digest // of Packages.xz
	path     string        // of that, below dists/SUITE
}

// Index fetches what a mirror says of a suite now: InRelease, and Packages.xz of
// component main by the sha256 that stands there. Both are in the store then.
func (r *Resolver) Index(ctx context.Context, suite string) (*Index, error) {
	i, err := r.index(ctx, suite)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", suite, err)
	}
	return i, nil
}

func (r *Resolver) index(ctx context.Context, suite string) (*Index, error) {
	dists := "dists/" + suite
	text, err := r.Fetch.Unverified(ctx, dists+"/InRelease", maxInRelease)
	if err != nil {
		return nil, err
	}
	release, err := deb.ParseRelease(text)
	if err != nil {
		return nil, fmt.Errorf("InRelease: %w", err)
	}
	// apt only warns of another suite, which may be as well signed.
	if release.Codename != suite {
		return nil, fmt.Errorf("InRelease: is of %q", release.Codename)
	}
	i := &Index{Suite: suite, Release: recipe.Release{Date: release.Date}}
	i.path = fmt.Sprintf("%s/binary-%s/Packages.xz", component, r.Arch)
	file, ok := release.Files[i.path]
	switch {
	case !ok:
		return nil, fmt.Errorf("InRelease: names no %s", i.path)
	case file.Size > maxPackages:
		return nil, fmt.Errorf("InRelease: %s: %d bytes: more than %d", i.path, file.Size, maxPackages)
	}
	i.packages = file.SHA256
	if i.Release.InRelease, err = r.Store.PutBytes(text); err != nil {
		return nil, err
	}
	// By its hash it is there also while the mirror changes from one state to the
	// next; older mirrors have it by name only.
	err = r.fetch(ctx, path.Join(dists, path.Dir(i.path), "by-hash/SHA256", i.packages.Hex()), file)
	var missing *fetch.MissingError
	if errors.As(err, &missing) {
		err = r.fetch(ctx, path.Join(dists, i.path), file)
	}
	return i, err
}

func (r *Resolver) fetch(ctx context.Context, path string, file deb.ReleaseFile) error {
	return r.Fetch.All(ctx, []fetch.File{{Path: path, Want: file.SHA256, Size: file.Size}}, nil)
}
