package realize

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/fuel-infra/pbuild/recipe"
)

// place puts the recipe's files: over the builder, into the directory that
// becomes the upper layer of a sandbox. Where the builder has a directory of
// that name the overlay shows both.
func (s *site) place(scratch string) error {
	files := s.node.Derivation.Files
	if len(files) == 0 {
		return nil
	}
	upper := filepath.Join(scratch, "upper")
	if err := makeDir(upper); err != nil {
		return err
	}
	return s.putAll(upper, files)
}

// makeHome makes the home directory of the build, with the recipe's files.
func (s *site) makeHome() error {
	home := filepath.Join(s.work, "home")
	if err := makeDir(home); err != nil {
		return err
	}
	return s.putAll(home, s.node.Derivation.Home)
}

// putAll puts files below dir, which pbuild alone has written so far.
func (s *site) putAll(dir string, files map[string]recipe.Placed) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := s.put(root, filepath.Clean("./"+name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) put(root *os.Root, name string, p recipe.Placed) error {
	if err := makeDirs(root, filepath.Dir(name)); err != nil {
		return err
	}
	if p.Link != "" {
		return root.Symlink(p.Link, name)
	}
	mode, err := strconv.ParseUint(p.Mode, 8, 32)
	if err != nil {
		return err
	}
	if err := root.WriteFile(name, []byte(p.Content), 0o600); err != nil {
		return err
	}
	epoch := time.Unix(s.node.Derivation.Stamp.Epoch, 0)
	if err := root.Chtimes(name, epoch, epoch); err != nil {
		return err
	}
	return root.Chmod(name, os.FileMode(mode))
}

// makeDirs makes the directories that lead to a file, of mode 0755 whatever the
// umask.
func makeDirs(root *os.Root, dir string) error {
	if dir == "." {
		return nil
	}
	if err := makeDirs(root, filepath.Dir(dir)); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return root.Chmod(dir, 0o755)
}
