package config

import (
	"io/fs"

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
func Resolve(f Flags, h Host) (*Config, error) { panic("soon") }
