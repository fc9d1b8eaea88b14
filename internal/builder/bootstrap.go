package builder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// configureFirst names what the maintainer scripts of all others take for
// granted: users and groups, then the files of /etc.
var configureFirst = []string{"base-passwd", "base-files"}

// bootstrap makes a root file system in dir, which is empty, from packages
// alone: unpacked here, recorded as dpkg would have recorded them, and configured
// by the dpkg that is among them, in the sandbox. There it is the upper
// directory of an overlay over nothing, so that changes are made in place.
func (m *Maker) bootstrap(ctx context.Context, j job, packages []recipe.Package, dir string) (map[string]tree.Entry, error) {
	scratch, err := m.Store.Scratch("builder")
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	work, nothing := filepath.Join(scratch.Dir, "root"), filepath.Join(scratch.Dir, "nothing")
	upper := filepath.Join(work, "upper")
	for _, d := range []string{work, upper, nothing} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(upper)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, d := range mergedUsr {
		if err := makeDir(root, "usr/"+d); err != nil {
			return nil, err
		}
		if err := root.Symlink("usr/"+d, d); err != nil {
			return nil, err
		}
	}
	node := j.node()
	var done atomic.Int64
	var total int64
	for _, p := range packages {
		total += p.Size
	}
	all, err := m.unpackAll(ctx, upper, packages, func(p recipe.Package) {
		m.emit(event.Event{Node: node, State: event.Unpacking, Step: p.Name, Done: done.Add(p.Size), Total: total})
	})
	if err != nil {
		return nil, err
	}
	packaged := packagedFiles(all)
	if err := tree.SetDirs(upper, directories(packaged)); err != nil {
		return nil, err
	}
	if err := prepare(root, all); err != nil {
		return nil, err
	}
	err = m.run(ctx, j, sandbox.Spec{
		Lower: []string{nothing}, Scratch: work,
		Argv: []string{"sh", "-es"}, Stdin: bytes.NewReader(configureScript(all)),
	})
	if err != nil {
		return nil, err
	}
	return packaged, replaceDir(upper, dir)
}

// directories returns the entries of directories, in the ledger's order.
func directories(packaged map[string]tree.Entry) tree.Ledger {
	var l tree.Ledger
	for _, e := range packaged {
		if e.Kind == tree.Dir {
			l = append(l, e)
		}
	}
	slices.SortFunc(l, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	return l
}

// prepare writes what must be there before the first maintainer script runs.
func prepare(root *os.Root, all []*unpacked) error {
	db, err := newDpkgDB(root)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := db.add(p); err != nil {
			return err
		}
	}
	if err := db.write(); err != nil {
		return err
	}
	// Nothing may start a service: Debian policy 9.3.3.1 lets this program say so.
	if err := writeFile(root, "usr/sbin/policy-rc.d", []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	// Scripts use awk before the alternative for it is configured.
	if _, err := root.Lstat("usr/bin/mawk"); err == nil {
		return root.Symlink("mawk", "usr/bin/awk")
	}
	return nil
}

// configureScript is what the sandbox runs: each preinst, which unpacking here
// left out, then dpkg.
func configureScript(all []*unpacked) []byte {
	var s bytes.Buffer
	s.WriteString("export DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ROOT= DPKG_ADMINDIR=/var/lib/dpkg\n")
	s.WriteString("DPKG_RUNNING_VERSION=$(dpkg-query -f '${Version}' -W dpkg) && export DPKG_RUNNING_VERSION\n")
	present := map[string]bool{}
	for _, p := range all {
		present[p.name] = true
		if p.scripts["preinst"] == nil {
			continue
		}
		// Names and architectures were checked by the lock's parser: no quoting is needed.
		fmt.Fprintf(&s, "DPKG_MAINTSCRIPT_PACKAGE=%s DPKG_MAINTSCRIPT_ARCH=%s /%s/info/%s.preinst install\n",
			p.name, p.arch, adminDir, infoName(p))
	}
	s.WriteString("unset DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT DPKG_RUNNING_VERSION\n")
	for _, name := range configureFirst {
		if present[name] {
			fmt.Fprintf(&s, "dpkg --force-depends --configure %s\n", name)
		}
	}
	s.WriteString("exec dpkg --configure --pending\n")
	return s.Bytes()
}
