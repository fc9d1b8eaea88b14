package store

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// The kinds of items.
const (
	kindBlob        = "blob"
	kindRealization = "realization"
	kindTree        = "tree"
	kindTemporary   = "temporary"
	kindQuarantine  = "quarantine"
	kindFailed      = "failed"
	kindRoot        = "root"
)

// Item is one thing that GC removes.
type Item struct {
	Kind string    // "blob", "realization", "tree", "temporary", "quarantine", "failed" or "root"
	Name string    // a digest, a key, or the name in tmp/, quarantine/, failed/ or roots/
	Size int64     // bytes of its files, as ls counts them
	Used time.Time // last use, of a realization and a root; else zero
	What string    // for people: "hello-deb 1.0-1", of its blobs "hello_1.0-1_amd64.deb" or "log of hello-deb 1.0-1"; may be empty
}

// Plan is what GC removes, sorted by kind and name.
type Plan struct {
	Items []Item
	Bytes int64 // of the items
	Kept  int64 // that the blobs, trees and journal have which stay
}

// inventory is what there is, with sizes in bytes. Files that are not ours are not
// in it: they stay, and Verify names them.
type inventory struct{ blobs, trees map[digest.Digest]int64 }

// takeInventory lists what there is now; files of trees that are in sizes already
// are not looked at again.
func (s *Store) takeInventory(sizes treeSizes) (inventory, error) {
	inv := inventory{blobs: map[digest.Digest]int64{}, trees: map[digest.Digest]int64{}}
	names, err := readNames(s.path(blobsDir))
	if err != nil {
		return inv, err
	}
	for _, name := range names {
		d, err := digest.ParseHex(name)
		if err != nil {
			continue
		}
		info, err := os.Lstat(s.BlobPath(d))
		if errors.Is(err, os.ErrNotExist) {
			continue // quarantined meanwhile
		}
		if err != nil {
			return inv, err
		}
		inv.blobs[d] = info.Size()
	}
	if sizes, err = s.sizeTrees(sizes); err != nil {
		return inv, err
	}
	for name, n := range sizes {
		if d, err := digest.ParseHex(strings.TrimSuffix(name, ".ledger")); err == nil {
			inv.trees[d] += n
		}
	}
	return inv, nil
}

// treeSizes are the sizes of what is in trees/, by name. What is there never changes.
type treeSizes map[string]int64

// sizeTrees returns the sizes of what is there now. It takes a tenth of a second an
// image, so that those known are not measured again.
func (s *Store) sizeTrees(known treeSizes) (treeSizes, error) {
	names, err := readNames(s.path(treesDir))
	if err != nil {
		return nil, err
	}
	sizes := treeSizes{}
	for _, name := range names {
		n, ok := known[name]
		if !ok {
			if n, err = sizeOf(s.path(treesDir, name)); err != nil {
				return nil, err
			}
		}
		sizes[name] = n
	}
	return sizes, nil
}

// kept is the size of what is marked.
func (inv inventory) kept(m *marks) (n int64) {
	for d, size := range inv.blobs {
		if m.blobs[d] {
			n += size
		}
	}
	for d, size := range inv.trees {
		if m.trees[d] {
			n += size
		}
	}
	for _, e := range m.entries {
		if m.live[e.name] {
			n += int64(len(e.file))
		}
	}
	return n
}

// plan lists what is not marked.
func (s *Store) plan(m *marks, inv inventory, policy Policy) (Plan, error) {
	p := Plan{Kept: inv.kept(m)}
	what := map[digest.Digest]string{}
	for _, e := range m.entries {
		k, err := digest.ParseKey("sha256:" + e.name)
		if err != nil || m.live[e.name] {
			continue
		}
		p.Items = append(p.Items, Item{kindRealization, k.String(), int64(len(e.file)), e.used, describeBlobs(e.r, what)})
	}
	for _, r := range m.loose {
		d, err := digest.Parse(string(r.desc.Digest))
		if err == nil && !m.blobs[d] {
			p.Items = append(p.Items, Item{Kind: kindRoot, Name: r.name, Used: r.used})
		}
	}
	for d, size := range inv.blobs {
		if !m.blobs[d] {
			p.Items = append(p.Items, Item{Kind: kindBlob, Name: d.String(), Size: size, What: what[d]})
		}
	}
	for d, size := range inv.trees {
		if !m.trees[d] {
			p.Items = append(p.Items, Item{Kind: kindTree, Name: d.String(), Size: size})
		}
	}
	quarantine := func(p *Plan) error { return s.planQuarantine(p, policy) }
	for _, list := range []func(*Plan) error{s.planTemps, quarantine, s.planFailed} {
		if err := list(&p); err != nil {
			return Plan{}, err
		}
	}
	slices.SortFunc(p.Items, func(a, b Item) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	for _, i := range p.Items {
		p.Bytes += i.Size
	}
	return p, nil
}

// describeBlobs returns what a realization is, and notes what its blobs are; one
// of several keeps the first word.
func describeBlobs(r *Realization, what map[digest.Digest]string) string {
	if r == nil {
		return "" // damaged
	}
	name := r.Recipe + "-" + r.Format + " " + r.Version
	note := func(d digest.Digest, text string) {
		if what[d] == "" {
			what[d] = text
		}
	}
	for _, f := range r.Files {
		note(f.Digest, f.Name)
		note(f.Output, "contents of "+f.Name)
	}
	note(r.Key.Text(), "derivation of "+name)
	note(r.Manifest, "manifest of "+name)
	note(r.Log, "log of "+name)
	note(r.Provenance, "provenance of "+name)
	for _, d := range r.Inputs {
		note(d, "source of "+name)
	}
	return name
}

func (s *Store) planTemps(p *Plan) error {
	names, err := s.deadTemps()
	if err != nil {
		return err
	}
	return planDir(p, kindTemporary, s.path(tmpDir), names)
}

// planQuarantine lists what was set aside long ago, or at any time where the policy
// keeps nothing.
func (s *Store) planQuarantine(p *Plan, policy Policy) error {
	names, err := readNames(s.path(quarantineDir))
	if err != nil {
		return err
	}
	young := func(name string) bool {
		var st unix.Stat_t
		// The change time is that of the rename; the file's own is of when it was put.
		return unix.Lstat(s.path(quarantineDir, name), &st) == nil && s.now().Sub(time.Unix(st.Ctim.Unix())) <= failedAge
	}
	if policy.KeepWithin > 0 {
		names = slices.DeleteFunc(names, young)
	}
	return planDir(p, kindQuarantine, s.path(quarantineDir), names)
}

func planDir(p *Plan, kind, dir string, names []string) error {
	for _, name := range names {
		n, err := sizeOf(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		p.Items = append(p.Items, Item{Kind: kind, Name: name, Size: n})
	}
	return nil
}

// sizeOf adds up the regular files at and below path. Directories that may not
// be read count as empty.
func sizeOf(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return ignoreNotExist(err)
	})
	return n, err
}
