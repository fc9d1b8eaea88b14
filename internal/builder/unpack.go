package builder

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
	"golang.org/x/sync/errgroup"
)

// unpacked is a package whose files are in place.
type unpacked struct {
	name, arch    string
	multiArchSame bool
	control       deb.Paragraph
	scripts       map[string][]byte // members of control.tar by name
	conffiles     []string          // paths without the leading slash
	names         []string          // paths in data.tar, as it names them, sorted
	entries       tree.Ledger       // the same by where they stand; conffiles as NAME.dpkg-new
}

// list is the package's info/NAME.list: each path of data.tar (dpkg's own form:
// the root as "/.", no slash after a directory).
func (p *unpacked) list() []byte {
	var b bytes.Buffer
	b.WriteString("/.\n")
	for _, name := range p.names {
		b.WriteString("/" + name + "\n")
	}
	return b.Bytes()
}

// mergedUsr are the top level directories that Debian 12 has as links into
// /usr, although its packages still name files below them.
var mergedUsr = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// mergeUsr maps a path as a package names it to where its file goes.
func mergeUsr(name string) string {
	top, _, _ := strings.Cut(name, "/")
	for _, d := range mergedUsr {
		if top == d {
			return "usr/" + name
		}
	}
	return name
}

// openDeb reads the control part of a package that fetch has verified, and holds
// it against the lock: a file of the right sha256 that says another name there
// would be recorded as what it is not.
func (m *Maker) openDeb(p recipe.Package) (*deb.Deb, *os.File, *unpacked, error) {
	f, err := os.Open(m.Store.BlobPath(p.SHA256))
	if err != nil {
		return nil, nil, nil, err
	}
	d, err := deb.Open(f, p.Size)
	if err != nil {
		f.Close()
		return nil, nil, nil, fmt.Errorf("%s: %w", path.Base(p.Path), err)
	}
	u := &unpacked{control: d.Control(), scripts: d.Scripts()}
	u.name, u.arch = u.control.Get("Package"), u.control.Get("Architecture")
	u.multiArchSame = u.control.Get("Multi-Arch") == "same"
	if u.name != p.Name || u.control.Get("Version") != p.Version || u.arch != p.Arch {
		f.Close()
		return nil, nil, nil, fmt.Errorf("%s: holds %s %s %s, the lock says %s %s %s", path.Base(p.Path),
			u.name, u.control.Get("Version"), u.arch, p.Name, p.Version, p.Arch)
	}
	for line := range strings.Lines(string(u.scripts["conffiles"])) {
		// What begins otherwise has a flag that concerns upgrades (deb-conffiles(5)).
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "/"); ok {
			u.conffiles = append(u.conffiles, name)
		}
	}
	return d, f, u, nil
}

// unpackAll unpacks the packages into dir, several at a time, and returns them
// in their order.
func (m *Maker) unpackAll(ctx context.Context, dir string, packages []recipe.Package, done func(recipe.Package)) ([]*unpacked, error) {
	out := make([]*unpacked, len(packages))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range largestFirst(packages) {
		g.Go(func() error {
			d, f, u, err := m.openDeb(packages[i])
			if err != nil {
				return err
			}
			defer f.Close()
			data, err := d.DataTar()
			if err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
			defer data.Close()
			conffile := map[string]bool{}
			for _, c := range u.conffiles {
				conffile[c] = true
			}
			// A hard link's target passes here too, so that a name may come twice.
			names := map[string]bool{}
			u.entries, err = tree.Unpack(ctx, data, dir, tree.UnpackOptions{Shared: true, Rename: func(name string) string {
				names[name] = true
				if conffile[name] {
					name += ".dpkg-new"
				}
				return mergeUsr(name)
			}})
			if err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
			delete(names, ".")
			u.names = slices.Sorted(maps.Keys(names))
			out[i] = u
			done(packages[i])
			return nil
		})
	}
	return out, g.Wait()
}

// largestFirst orders work so that no long piece is left for the end.
func largestFirst(packages []recipe.Package) []int {
	order := make([]int, len(packages))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return packages[order[a]].Size > packages[order[b]].Size })
	return order
}

// packagedFiles collects what the packages themselves bring, by the path at
// which it stands once everything is configured: the truth about owners and
// setuid bits, which the disk can't hold, and the measure of what configuring added.
// Of a directory that several packages name, base-files' entry counts, else the first.
func packagedFiles(packages []*unpacked) map[string]tree.Entry {
	all := map[string]tree.Entry{}
	add := func(p *unpacked) {
		for _, e := range p.entries {
			e.Path = strings.TrimSuffix(e.Path, ".dpkg-new")
			if _, ok := all[e.Path]; !ok {
				all[e.Path] = e
			}
		}
		for name, body := range p.scripts {
			file := path.Join(adminDir, "info", infoName(p)+"."+name)
			all[file] = tree.Entry{
				Path: file, Kind: tree.File, Mode: uint32(scriptMode(name)),
				Size: int64(len(body)), Digest: digest.Of(body),
			}
		}
	}
	for _, p := range packages {
		if p.name == "base-files" {
			add(p)
		}
	}
	for _, p := range packages {
		if p.name != "base-files" {
			add(p)
		}
	}
	return all
}
