package builder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store/digest"
)

// extensionFormat stands for how an extension is made. It is raised when the same
// packages come to another image: no lock would tell.
const extensionFormat = 1

// Extend returns the image that is under with packages over it, installed by its
// own dpkg as builders are; what under has in another version is replaced.
// Without packages that is under itself. Each package stands once, in any order;
// date is that of the archive in which they were resolved, to which file times
// are lowered; name is what it is for, as events call it, e.g. fuel-agent-deb.
//
// An image is made once for the same image, packages and date, and found again
// by these. GC keeps it as long as a realization that is kept was built with it,
// not for its name's sake. Errors are those of Ensure, but for *MismatchError.
func (m *Maker) Extend(ctx context.Context, under *Image, name string, packages []recipe.Package, date time.Time) (*Image, error) {
	if len(packages) == 0 {
		return under, nil
	}
	packages = sorted(packages)
	j := job{
		name: name, root: extensionRoot(under.Digest, packages, date), date: date,
		packages: func() ([]recipe.Package, error) { return packages, nil },
	}
	image, err := m.ensure(ctx, j, under, &look{})
	if err != nil {
		return nil, fmt.Errorf("build dependencies of %s: %w", name, err)
	}
	return image, nil
}

// extensionRoot names an extension in the store by all that makes it what it is.
// No builder has such a name: theirs hold no underscore.
func extensionRoot(under digest.Digest, packages []recipe.Package, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pbuild extension %d\nsandbox %d\nunder %s\ndate %d\n", extensionFormat, sandbox.ABI, under, date.Unix())
	recipe.WritePackages(&b, packages) // a strings.Builder takes everything
	return "extension_" + digest.Of([]byte(b.String())).Hex()
}

// ExtendCost returns what Extend over the image with this digest will fetch, and
// what of that it will leave on disk before it is unpacked, in bytes; zero when the
// store has the image.
func (m *Maker) ExtendCost(under digest.Digest, packages []recipe.Package, date time.Time) (fetch, disk int64) {
	if len(packages) == 0 {
		return 0, 0
	}
	if _, err := m.manifest(extensionRoot(under, sorted(packages), date)); err == nil {
		return 0, 0
	}
	for _, p := range packages {
		if _, ok := m.Store.HasBlob(p.SHA256); !ok {
			fetch += p.Size
		}
		disk += p.Size
	}
	return fetch, disk
}

// sorted is the order in which an extension knows its packages.
func sorted(packages []recipe.Package) []recipe.Package {
	return slices.SortedFunc(slices.Values(packages), func(a, b recipe.Package) int { return cmp.Compare(a.Name, b.Name) })
}
