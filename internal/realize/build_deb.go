package realize

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// sourceInside is where the files of a Debian source package lie for
// dpkg-source.
const sourceInside = "/run/source"

// layOutDeb is layOut for dpkg-buildpackage, which leaves the packages in s.work.
func (s *site) layOutDeb(ctx context.Context) (program sandbox.Spec, err error) {
	d := s.node.Derivation
	folder := d.Name + "-" + upstreamVersion(d.Stamp.Version)
	dir := filepath.Join(s.work, folder)
	if err := makeDir(dir); err != nil {
		return program, err
	}
	main := s.main
	if main == nil {
		unpacked, err := s.unpackDsc(ctx)
		if err != nil {
			return program, err
		}
		defer unpacked.Close()
		if main, err = s.node.build().Edited(unpacked.FS()); err != nil {
			return program, err
		}
	}
	epoch := time.Unix(d.Stamp.Epoch, 0)
	if err := tree.Materialize(main, dir, epoch); err != nil {
		return program, err
	}
	if s.main == nil {
		if err := s.checkDsc(dir); err != nil {
			return program, err
		}
	}
	if err := s.addDebian(dir, epoch); err != nil {
		return program, err
	}
	if d.Own != "" {
		if err := s.addEntry(dir, epoch); err != nil {
			return program, err
		}
	}
	if err := setModes(dir, d.Modes, epoch); err != nil {
		return program, err
	}
	if err := s.makeHome(); err != nil {
		return program, err
	}
	if s.node.Format.IsSource() {
		return s.packDsc(ctx, folder)
	}
	return sandbox.Spec{
		Binds: []sandbox.Bind{{Host: s.work, Inside: buildInside, Writable: true}},
		Dir:   path.Join(buildInside, folder),
		Argv:  []string{"dpkg-buildpackage", "-b", "-us", "-uc", "-d", "-rfakeroot"},
	}, nil
}

// makeDir makes a directory of mode 0755, whatever the umask: a build sees it.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// unpackDsc lets the builder's dpkg-source unpack the source package. Times and
// modes of what it leaves do not matter: Materialize sets them.
func (s *site) unpackDsc(ctx context.Context) (*os.Root, error) {
	in, out := filepath.Join(s.scratch.Dir, "source"), filepath.Join(s.scratch.Dir, "unpacked")
	for _, dir := range []string{in, out} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	var dsc string
	for name, d := range s.sources[recipe.Main].files {
		if err := s.Store.Link(d, filepath.Join(in, name)); err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, ".dsc") {
			dsc = name
		}
	}
	err := s.run(ctx, sandbox.Spec{
		Binds: []sandbox.Bind{
			{Host: in, Inside: sourceInside},
			{Host: out, Inside: buildInside, Writable: true},
		},
		Dir: buildInside,
		// The sha256 in the recipe stands for the signature, and for the checksums.
		Argv: []string{"dpkg-source", "--no-check", "--extract", path.Join(sourceInside, dsc), "source"},
	})
	if err != nil {
		return nil, err
	}
	// What is there was made in the sandbox: no link of it may lead outside.
	outside, err := os.OpenRoot(out)
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	return outside.OpenRoot("source")
}

// checkDsc compares an unpacked source package with what its lock says, in a
// tree that Materialize made: there no file blocks who opens it.
func (s *site) checkDsc(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return s.checkLocked(root.FS())
}

// addDebian puts debian/ into the source where it came from the recipe's folder.
func (s *site) addDebian(dir string, epoch time.Time) error {
	if s.node.debian == nil {
		if s.main == nil || s.node.Recipe.Deb.Debian == "debian" {
			return nil
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		return root.Rename(s.node.Recipe.Deb.Debian, "debian") // dpkg looks nowhere else
	}
	debian := filepath.Join(dir, "debian")
	if err := makeDir(debian); err != nil {
		return err
	}
	return tree.Materialize(s.node.debian, debian, epoch)
}

// addEntry puts an entry before those of debian/changelog, with the version that the
// recipe's scheme stamps and the date of the commit.
func (s *site) addEntry(dir string, epoch time.Time) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	const name = "debian/changelog"
	old, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	top, err := deb.ParseChangelogTop(bytes.NewReader(old))
	if err != nil {
		return fmt.Errorf("debian/%w", err)
	}
	d := s.node.Derivation
	main := d.Sources[recipe.Main]
	change := fmt.Sprintf("Tree %s.", main.Digest)
	if main.Kind == recipe.GitInput {
		change = fmt.Sprintf("Commit %s.", main.Commit)
	}
	top.Version, top.Date = d.Stamp.Version, epoch
	if err := root.WriteFile(name, append(top.Entry(change), old...), 0o644); err != nil {
		return err
	}
	return root.Chtimes(name, epoch, epoch)
}

// setModes applies the recipe's modes, and gives the top folder its time.
func setModes(dir string, modes map[string]string, epoch time.Time) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for name, text := range modes {
		mode, err := strconv.ParseUint(text, 8, 32)
		if err != nil {
			return fmt.Errorf("modes: %s: %w", name, err)
		}
		if err := root.Chmod(name, os.FileMode(mode)); err != nil {
			return fmt.Errorf("modes: %w", err)
		}
	}
	return root.Chtimes(".", epoch, epoch)
}

// upstreamVersion returns a version without Debian's epoch and revision (Debian
// policy 5.6.12: the revision follows the last hyphen).
func upstreamVersion(version string) string {
	version = withoutEpoch(version)
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return version[:i]
	}
	return version
}

// withoutEpoch returns a version without Debian's epoch, as file names have it.
func withoutEpoch(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		return rest
	}
	return version
}
