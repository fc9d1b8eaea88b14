package realize

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// neededInside is where the packages lie that are installed before a build.
const neededInside = "/run/needed"

// installers install packages over the builder by its own dpkg or rpm. What they want
// beside them is the recipe's matter, as it is that of its build. rpm's database is
// left behind: it says when each package was built and installed, which is not in the
// key, and no build of a spec reads it.
var installers = map[recipe.Format][]string{
	recipe.FormatDeb: {"dpkg", "--force-depends", "--install"},
	recipe.FormatRPM: {"rpm", "--install", "--nodeps", "--force-debian", "--dbpath", "/tmp/rpmdb"},
}

// install installs the packages of the recipes that the node needs, into a layer over
// the builder which the programs of the build see. Its files have the build's time:
// that of the packages may differ where the key does not.
func (s *site) install(ctx context.Context) error {
	if len(s.node.needs) == 0 {
		return nil
	}
	s.emit(event.Event{Node: s.node.event(), State: event.Configuring, Step: "what it needs"})
	debs, root := filepath.Join(s.scratch.Dir, "needed"), filepath.Join(s.scratch.Dir, "root0")
	for _, dir := range []string{debs, root} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	argv := installers[s.node.Format.Section()]
	argv = argv[:len(argv):len(argv)]
	for i, real := range s.node.made {
		other := s.node.needs[i]
		for _, f := range real.Files {
			if !slices.Contains(other.build().Outputs, f.Package) {
				continue // a debug package
			}
			if err := s.Store.Link(f.Digest, filepath.Join(debs, f.Name)); err != nil {
				return fmt.Errorf("needs %s: %s: %w", other.Recipe.Name, f.Name, err)
			}
			argv = append(argv, path.Join(neededInside, f.Name))
		}
	}
	err := s.runInto(ctx, nil, sandbox.Spec{
		Lower: s.image.Lower(), Scratch: root,
		Env: []string{
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "DEBIAN_FRONTEND=noninteractive",
			"SOURCE_DATE_EPOCH=" + strconv.FormatInt(s.node.Derivation.Stamp.Epoch, 10),
		},
		Binds: []sandbox.Bind{{Host: debs, Inside: neededInside}},
		Argv:  argv,
	})
	if err != nil {
		return fmt.Errorf("needs: %w", err)
	}
	s.over = filepath.Join(root, "upper")
	return s.settleInstalled()
}

// settleInstalled drops logs and caches, and gives each file the build's time. Nothing
// of the sandbox runs any more; no link is followed.
func (s *site) settleInstalled() error {
	root, err := os.OpenRoot(s.over)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := builder.Clean(root); err != nil {
		return err
	}
	epoch := unix.NsecToTimespec(s.node.Derivation.Stamp.Epoch * 1e9)
	times := []unix.Timespec{epoch, epoch}
	return filepath.WalkDir(s.over, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, name, times, unix.AT_SYMLINK_NOFOLLOW)
	})
}
