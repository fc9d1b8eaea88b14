package recipe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fuel-infra/pbuild/internal/parallel"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Collection is a folder of recipes. It keeps names only; each call reads its
// files anew.
type Collection struct {
	// Dir stands before file names in errors, e.g. "recipes"; may be empty.
	Dir string

	fsys  fs.FS
	names []string
	bad   map[string]error // folders that hold a recipe.yaml and can't be recipes
}

// UnknownError says that a collection has no recipe or builder of a name, or a recipe
// no source.
type UnknownError struct {
	What string   // "recipe", "builder", "profile", "scheme", "source of RECIPE"
	Name string   // as asked for
	Near []string // what was probably meant, best first; often empty
}

// Error returns «recipe "helo": unknown: did you mean hello?».
func (e *UnknownError) Error() string {
	s := fmt.Sprintf("%s %q: unknown", e.What, e.Name)
	if len(e.Near) > 0 {
		s += ": did you mean " + strings.Join(e.Near, " or ") + "?"
	}
	return s
}

// LoadCollection lists the recipes in fsys, which is the folder recipes/
// itself: each folder with a recipe.yaml is one. A folder that can't be one
// hides no other: see Bad. What a recipe.yaml is and says shows when it is read.
// The caller gives an fs.FS that refuses links leading outside, and whose Open waits
// for no fifo, such as tree.Beneath's.
func LoadCollection(fsys fs.FS) (*Collection, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("collection: %w", err)
	}
	folders := slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() || slices.Contains(reservedFolders, e.Name())
	})
	errs := make([]error, len(folders))
	parallel.Each(len(folders), func(i int) {
		_, errs[i] = fs.Lstat(fsys, path.Join(folders[i].Name(), "recipe.yaml"))
	})
	c := &Collection{fsys: fsys, bad: map[string]error{}}
	for i, e := range folders {
		err := errs[i]
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, named := parseName(e.Name()); named != nil {
			err = named
		}
		if err != nil {
			c.bad[e.Name()] = inner(err)
			continue
		}
		c.names = append(c.names, e.Name())
	}
	slices.Sort(c.names)
	return c, nil
}

// Names returns the names of all recipes, sorted.
func (c *Collection) Names() []string { return slices.Clone(c.names) }

// Bad returns the names, any bytes, of the folders with a recipe.yaml that can't
// be recipes, sorted: those with another name than a recipe has, and those that
// can't be looked into. Recipe says why.
func (c *Collection) Bad() []string { return slices.Sorted(maps.Keys(c.bad)) }

// Recipe reads recipes/NAME/recipe.yaml and recipe.lock. Errors: *UnknownError,
// else what is wrong with the folder or in the files.
func (c *Collection) Recipe(name string) (*Recipe, error) {
	r, err := c.Unlocked(name)
	if err != nil {
		return nil, err
	}
	if r.Lock, err = c.ReadLock(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Unlocked reads recipes/NAME/recipe.yaml alone, for who makes its lock.
func (c *Collection) Unlocked(name string) (*Recipe, error) {
	if err, ok := c.bad[name]; ok {
		return nil, fmt.Errorf("%s: %w", c.shown(name), err)
	}
	if err := c.known(name); err != nil {
		return nil, err
	}
	folder, _, _ := strings.Cut(name, "+")
	file := path.Join(folder, "recipe.yaml")
	data, err := c.read(file, yamldoc.MaxSize)
	if err != nil {
		return nil, err
	}
	r, err := parseRecipe(c.shown(file), name, data)
	if err != nil {
		return nil, err
	}
	if r.Deb != nil {
		err = c.merge(&r.Deb.Build, FormatDeb, nil)
	}
	if r.RPM != nil && err == nil {
		err = c.merge(&r.RPM.Build, FormatRPM, r.RPM.Defines)
	}
	if r.scheme != "" && err == nil {
		var unknown *UnknownError
		if r.Scheme, err = c.Scheme(r.scheme); errors.As(err, &unknown) {
			err = r.version.Errorf("version: %w", unknown)
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ReadLock reads a recipe's recipe.lock; nil without one.
func (c *Collection) ReadLock(r *Recipe) (*Lock, error) {
	file := path.Join(LockFolder(r.Name), LockName)
	data, err := c.read(file, yamldoc.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseLock(c.shown(file), data, r)
}

// known returns an *UnknownError for a name that no recipe has. A symbolic link in
// a recipe's place is an error of its own: it is not followed, since it could lead
// to what the collection does not show.
func (c *Collection) known(name string) error {
	if folder, variant, ok := strings.Cut(name, "+"); ok && variant != "" {
		name = folder // what variants it has, its file says
	}
	if slices.Contains(c.names, name) {
		return nil
	}
	if _, err := parseName(name); err == nil {
		if info, err := fs.Lstat(c.fsys, name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: is a symbolic link: a recipe is a folder", c.shown(name))
		}
	}
	return &UnknownError{"recipe", name, yamldoc.Near(name, c.names)}
}

// shown returns a file's name as people know it, quoted where printed as it is it
// would be more than a name.
func (c *Collection) shown(file string) string {
	name := path.Join(c.Dir, file)
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// read returns a regular file of at most limit bytes. The error names the file.
func (c *Collection) read(file string, limit int64) ([]byte, error) {
	data, err := readRegular(c.fsys, file, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.shown(file), inner(err))
	}
	return data, nil
}

// readRegular opens a file once: there may be very many.
func readRegular(fsys fs.FS, file string, limit int64) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > limit:
		return nil, fmt.Errorf("%d bytes: more than %d", info.Size(), limit)
	}
	// With room for a byte more, one call sees the end of a file.
	data := make([]byte, info.Size()+1)
	n, err := io.ReadAtLeast(f, data, max(1, int(info.Size())))
	switch {
	case n > int(info.Size()):
		return nil, errors.New("grew while it was read")
	case err == io.EOF && info.Size() == 0:
		err = nil
	}
	return data[:n], err
}

// inner drops the operation and path of a file error, whose path our own names
// better.
func inner(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
