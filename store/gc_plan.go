package store

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

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

// plan lists what is not marked. Files that are not ours stay: Verify names
// them.
func (s *Store) plan(m *marks) (Plan, error) {
	var p Plan
	for _, e := range m.entries {
		k, err := digest.ParseKey("sha256:" + e.name)
		if err == nil && !m.live[e.name] {
			p.Items = append(p.Items, Item{kindRealization, k.String(), int64(len(e.file))})
		}
	}
	for _, r := range m.loose {
		d, err := digest.Parse(string(r.desc.Digest))
		if err == nil && !m.blobs[d] {
			p.Items = append(p.Items, Item{kindRoot, r.name, 0})
		}
	}
	for _, list := range []func(*Plan, *marks) error{s.planBlobs, s.planTrees, s.planTemps, s.planQuarantine, s.planFailed} {
		if err := list(&p, m); err != nil {
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

func (s *Store) planBlobs(p *Plan, m *marks) error {
	names, err := readNames(s.path(blobsDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		d, err := digest.ParseHex(name)
		if err != nil || m.blobs[d] {
			continue
		}
		info, err := os.Lstat(s.BlobPath(d))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		p.Items = append(p.Items, Item{kindBlob, d.String(), info.Size()})
	}
	return nil
}

func (s *Store) planTrees(p *Plan, m *marks) error {
	names, err := readNames(s.path(treesDir))
	if err != nil {
		return err
	}
	sizes := map[digest.Digest]int64{}
	for _, name := range names {
		d, err := digest.ParseHex(strings.TrimSuffix(name, ".ledger"))
		if err != nil || m.trees[d] {
			continue
		}
		n, err := sizeOf(s.path(treesDir, name))
		if err != nil {
			return err
		}
		sizes[d] += n
	}
	for d, n := range sizes {
		p.Items = append(p.Items, Item{kindTree, d.String(), n})
	}
	return nil
}

func (s *Store) planTemps(p *Plan, _ *marks) error {
	names, err := s.deadTemps()
	if err != nil {
		return err
	}
	return planDir(p, kindTemporary, s.path(tmpDir), names)
}

func (s *Store) planQuarantine(p *Plan, _ *marks) error {
	names, err := readNames(s.path(quarantineDir))
	if err != nil {
		return err
	}
	return planDir(p, kindQuarantine, s.path(quarantineDir), names)
}

func planDir(p *Plan, kind, dir string, names []string) error {
	for _, name := range names {
		n, err := sizeOf(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		p.Items = append(p.Items, Item{kind, name, n})
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

// sweepLocks removes the locks of keys, names and trees that nobody holds;
// who waits for one notices and makes it anew.
func (s *Store) sweepLocks() error {
	names, err := readNames(s.path(locksDir))
	if err != nil {
		return err
	}
	for _, name := range names {
		switch name {
		case gcGate, dbGate, dbTurn, journalLock, rootsLock:
			continue
		}
		if strings.HasPrefix(name, sessionPrefix) {
			continue
		}
		if err := removeFree(s.path(locksDir, name)); err != nil {
			return err
		}
	}
	return nil
}

// removeFree removes a lock file while holding its lock, unless another holds it.
func removeFree(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	ok, err := tryFlock(f, unix.LOCK_EX)
	if err != nil || !ok {
		return err
	}
	return ignoreNotExist(os.Remove(path))
}
