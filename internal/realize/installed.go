package realize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// neededInside is where the packages lie that are installed before a build.
const neededInside = "/run/needed"

// installers install packages over the builder by its own dpkg or rpm, in two steps:
// files first, scripts when these have the build's time. What they want beside them is
// the recipe's matter, as it is that of its build. rpm's database is left behind: it
// says when each package was built and installed, which is not in the key, and no build
// of a spec reads it.
var installers = map[recipe.Format][]installer{
	recipe.FormatDeb: {
		{[]string{"dpkg", "--force-depends", "--unpack"}, true}, // with preinst, which dpkg can't leave out
		{[]string{"dpkg", "--force-depends", "--configure", "--pending"}, false},
	},
	recipe.FormatRPM: {
		{slices.Concat(rpmInstall, []string{"--noscripts", "--notriggers"}), true},
		{slices.Concat(rpmInstall, []string{"--excludepath", "/"}), true}, // no file, and so scripts alone
	},
}

type installer struct {
	argv  []string
	files bool // they follow
}

var rpmInstall = []string{"rpm", "--install", "--nodeps", "--force-debian", "--dbpath", "/tmp/rpmdb"}

// install installs the packages of the recipes that the node needs, into layers over
// the builder which the programs of the build see. Their files have the build's time:
// that of the packages may differ where the key does not. The order is that of the
// recipes' names, as in the key.
func (s *site) install(ctx context.Context) error {
	if len(s.node.needs) == 0 {
		return nil
	}
	s.emit(event.Event{Node: s.node.event(), State: event.Configuring, Step: "what it needs"})
	dir := filepath.Join(s.scratch.Dir, "needed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var files []string
	for _, i := range s.node.needsByName() {
		other := s.node.needs[i]
		for _, f := range s.node.made[i].Files {
			if !slices.Contains(other.build().Outputs, f.Package) {
				continue // a debug package
			}
			if err := s.Store.Link(f.Digest, filepath.Join(dir, f.Name)); err != nil {
				return fmt.Errorf("needs %s: %s: %w", other.Recipe.Name, f.Name, err)
			}
			files = append(files, path.Join(neededInside, f.Name))
		}
	}
	for i, step := range installers[s.node.Format.Section()] {
		argv := slices.Clone(step.argv)
		if step.files {
			argv = append(argv, files...)
		}
		if err := s.installStep(ctx, "root0-"+strconv.Itoa(i), dir, argv); err != nil {
			return fmt.Errorf("needs: %w", err)
		}
	}
	return nil
}

// needsByName returns the indices of the node's needs in the order of their names.
func (n *Node) needsByName() []int {
	all := make([]int, len(n.needs))
	for i := range all {
		all[i] = i
	}
	slices.SortFunc(all, func(a, b int) int { return strings.Compare(n.needs[a].Recipe.Name, n.needs[b].Recipe.Name) })
	return all
}

// installStep runs one program over what was installed so far, and puts what it
// changed over that.
func (s *site) installStep(ctx context.Context, name, packages string, argv []string) error {
	root := filepath.Join(s.scratch.Dir, name)
	if err := os.Mkdir(root, 0o700); err != nil {
		return err
	}
	err := s.runInto(ctx, nil, sandbox.Spec{
		Lower: s.lower(), Scratch: root,
		Env: []string{
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "DEBIAN_FRONTEND=noninteractive",
			"SOURCE_DATE_EPOCH=" + strconv.FormatInt(s.node.Derivation.Stamp.Epoch, 10),
		},
		Binds: []sandbox.Bind{{Host: packages, Inside: neededInside}},
		Argv:  argv,
	})
	if err != nil {
		return err
	}
	upper := filepath.Join(root, "upper")
	if err := s.settleInstalled(upper); err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			name := strings.TrimPrefix(strings.TrimPrefix(p.Path, upper), "/")
			err = fmt.Errorf("%s: %w", quoted("/"+name), p.Err)
		}
		return &BuildError{Step: argv[0], Err: fmt.Errorf("what the packages left can't be used: %w", err), Log: s.tail.Last(argv)}
	}
	s.over = append(s.over, upper)
	return nil
}

// quoted makes a path that a package chose fit for an error.
func quoted(s string) string { return strings.Trim(strconv.Quote(s), `"`) }

// settleInstalled drops logs and caches, and gives each file the build's time. Nothing
// of the sandbox runs any more; no link leads out of the layer.
func (s *site) settleInstalled(upper string) error {
	root, err := os.OpenRoot(upper)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := builder.Clean(root); err != nil {
		return err
	}
	epoch := unix.NsecToTimespec(s.node.Derivation.Stamp.Epoch * 1e9)
	times := []unix.Timespec{epoch, epoch}
	return filepath.WalkDir(upper, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "utimensat", Path: name, Err: err}
		}
		return nil
	})
}
