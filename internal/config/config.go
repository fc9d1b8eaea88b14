package config

import (
	"io/fs"
	"path"
	"strings"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

// Flags are the flags of every verb that override configuration; empty: not given.
type Flags struct {
	Store   string   // --store
	Config  string   // --config
	Recipes string   // --recipes
	Mirrors []string // --mirror, repeatable
}

// Host is what the resolution may look at.
type Host struct {
	Env   func(string) string // the environment; "" for unset
	Dir   string              // absolute working directory
	Root  bool                // the user is root
	Files fs.FS               // the file system from "/", os.DirFS("/")
}

// Setting is a value and who said it.
type Setting[T any] struct {
	Value  T      `json:"value"`
	Origin string `json:"origin"` // "flag --store", "PBUILD_STORE", "~/.config/pbuild/config.yaml:3", "default"
}

// Config is the resolved configuration.
type Config struct {
	Recipes Setting[string]         `json:"recipes"` // absolute path of the collection; "" when there is none
	Store   Setting[string]         `json:"store"`   // absolute path
	Debian  Setting[[]fetch.Mirror] `json:"debian"`  // empty: the host's apt sources
}

// Resolve reads the files and merges what they, environment and flags say.
//
// INTERIM by the lead: flags, environment and defaults only; to be replaced.
func Resolve(f Flags, h Host) (*Config, error) {
	c := &Config{Recipes: Setting[string]{f.Recipes, "flag --recipes"}, Store: Setting[string]{f.Store, "flag --store"}}
	if c.Recipes.Value == "" {
		c.Recipes = Setting[string]{h.Env("PBUILD_RECIPES"), "PBUILD_RECIPES"}
	}
	for dir := h.Dir; c.Recipes.Value == ""; dir = path.Dir(dir) {
		for _, sub := range []string{"", "recipes"} {
			if _, err := fs.Stat(h.Files, strings.TrimPrefix(path.Join(dir, sub, "pbuild.yaml"), "/")); err == nil && c.Recipes.Value == "" {
				c.Recipes.Value = path.Join(dir, sub)
			}
		}
		if dir == "/" {
			break
		}
	}
	if c.Store.Value == "" {
		c.Store = Setting[string]{h.Env("PBUILD_STORE"), "PBUILD_STORE"}
	}
	if c.Store.Value == "" {
		c.Store = Setting[string]{path.Join(h.Env("HOME"), ".local/share/pbuild"), "default"}
		if h.Root {
			c.Store.Value = "/var/lib/pbuild"
		}
	}
	for _, m := range f.Mirrors {
		mirror, err := fetch.ParseMirror(m, "flag --mirror")
		if err != nil {
			return nil, err
		}
		c.Debian.Value = append(c.Debian.Value, mirror)
	}
	return c, nil
}
