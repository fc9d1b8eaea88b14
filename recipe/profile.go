package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Profile is profiles/NAME.yaml: what several recipes say alike. It is merged
// into a recipe's format; what both say, or two profiles, is a conflict.
type Profile struct {
	Name     string
	Packages []string
	Env      map[string]string
	Home     map[string]Placed
	Files    map[string]Placed
	Defines  map[string]string // rpm only
}

func parseProfile(file, name string, data []byte) (*Profile, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "packages", "env", "home", "files", "defines")
	if err != nil {
		return nil, err
	}
	p := &Profile{
		Name:     yamldoc.As(f.Need("name"), parseName),
		Packages: parseList(f.Get("packages"), parsePackage),
		Env:      parseEnv(f.Get("env")), Home: parseHome(f.Get("home")), Files: parseFiles(f.Get("files")),
		Defines: parseDefines(f.Get("defines")),
	}
	yamldoc.As(f.Need("summary"), parseLine)
	if p.Name != "" && p.Name != name {
		f.Get("name").Errorf("%q: the file says %q", p.Name, name)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// profile reads profiles/NAME.yaml.
func (c *Collection) profile(name string) (*Profile, error) {
	file, data, err := c.named("profile", name)
	if err != nil {
		return nil, err
	}
	return parseProfile(c.shown(file), name, data)
}

// named reads WHATs/NAME.yaml; *UnknownError: there is none.
func (c *Collection) named(what, name string) (file string, data []byte, err error) {
	folder := what + "s"
	_, invalid := parseName(name)
	if invalid == nil {
		file = path.Join(folder, name+".yaml")
		if data, err = c.read(file, yamldoc.MaxSize); !errors.Is(err, fs.ErrNotExist) {
			return file, data, err
		}
	}
	names, listErr := c.folderNames(folder)
	if listErr != nil {
		return "", nil, listErr
	}
	if slices.Contains(names, name) { // as nothing is called, or a symlink to nothing
		return "", nil, cmp.Or(err, fmt.Errorf("%s: %w", c.shown(path.Join(folder, name+".yaml")), invalid))
	}
	return "", nil, &UnknownError{what, name, yamldoc.Near(name, names)}
}

// folderNames returns the names of the .yaml files in a folder of the
// collection, sorted.
func (c *Collection) folderNames(folder string) ([]string, error) {
	files, err := fs.Glob(c.fsys, folder+"/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("collection: %s: %w", folder, err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	slices.Sort(files)
	return files, nil
}

// merge puts the profiles that b names into it. defines is nil for a format
// that has none.
func (c *Collection) merge(b *Build, f Format, defines map[string]string) error {
	for i, name := range b.Profiles {
		at := b.at.profiles[i]
		p, err := c.profile(name)
		if err != nil {
			if unknown, ok := err.(*UnknownError); ok {
				return at.Errorf("%s.profiles: %w", f, unknown)
			}
			return err
		}
		var twice []string
		for _, one := range p.Packages {
			if !slices.Contains(b.Packages, one) {
				b.Packages = append(b.Packages, one)
			}
		}
		twice = append(twice, add("env", b.Env, p.Env)...)
		twice = append(twice, add("home", b.Home, p.Home)...)
		twice = append(twice, add("files", b.Files, p.Files)...)
		if defines == nil && len(p.Defines) > 0 {
			return at.Errorf("%s.profiles: %s: has defines, which are for rpm", f, name)
		}
		twice = append(twice, add("defines", defines, p.Defines)...)
		if len(twice) > 0 {
			slices.Sort(twice)
			return at.Errorf("%s.profiles: %s: set by the recipe or another profile too: %s", f, name, strings.Join(twice, ", "))
		}
	}
	return nil
}

// add copies entries and returns those that were there, as «WHAT NAME».
func add[T any](what string, to, from map[string]T) (twice []string) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		if _, ok := to[name]; ok {
			twice = append(twice, what+" "+name)
			continue
		}
		to[name] = from[name]
	}
	return twice
}
