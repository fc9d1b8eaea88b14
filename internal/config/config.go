// Package config finds out what the host, the collection and the user have
// chosen: where the recipes and the store are, and which mirrors to fetch from.
//
// What is said later wins: the collection's pbuild.yaml, the user's file
// (~/.config/pbuild/config.yaml), the environment, the flags. A list replaces an
// earlier list as a whole, of the mirrors for URLs those of one prefix. Each value
// keeps its origin, for people to ask.
//
// Limits of builds are chosen by the collection as by recipes, up to what the user
// states; see package limits.
//
// A checkout is not trusted: pbuild.yaml may name mirrors, whose files are known
// by their digests, but neither a store (it could hold forged results) or its
// quota (a small one would empty it), nor a path of this host, nor a password.
// Such a field is an error with its place.
// Nor does it lead elsewhere: a pbuild.yaml that is a link is an error, and so is
// a link recipes/ through which one was found.
//
// Files are strict YAML (package yamldoc): an unknown field is an error.
//
// Resolve is a function of its arguments alone. What it returns is plain data,
// so that a privileged process may read the files and hand the result to one
// that can't. It makes no directory and opens no store.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
)

// Flags are the flags that override configuration; empty: not given.
type Flags struct {
	Store   string   // --store
	Config  string   // --config
	Recipes string   // --recipes
	Mirrors []string // --mirror, repeatable
}

// Host is what Resolve may look at.
type Host struct {
	Env   func(string) string // the environment; "" for unset
	Dir   string              // absolute working directory
	Root  bool                // the user is root
	RAM   int64               // bytes of memory; 0: not known
	Files fs.FS               // the file system from "/", os.DirFS("/")

	// Plain opens the file of an absolute path and follows no link in its place:
	// OpenPlain.
	Plain func(name string) (fs.File, error)
}

// Setting is a value and who said it.
type Setting[T any] struct {
	Value  T      `json:"value"`
	Origin string `json:"origin"` // "flag --store", "PBUILD_STORE", "~/.config/pbuild/config.yaml:3", "default"
}

// Config is the resolved configuration.
type Config struct {
	Recipes Setting[string]         `json:"recipes"` // absolute path of the folder of recipes; "" when there is none
	Store   Setting[string]         `json:"store"`   // absolute path
	Quota   Setting[int64]          `json:"quota"`   // of the store, bytes, for GC; 0: none
	Debian  Setting[[]fetch.Mirror] `json:"debian"`  // none: from the host's apt sources

	// Mirrors are for sources that recipes name by URL: where the URL begins with
	// a key, each of the value's prefixes stands in its place, in order, before
	// the URL itself is tried. All of them end in a slash.
	Mirrors map[string]Setting[[]string] `json:"mirrors,omitempty"`

	Limits     limits.Policy     `json:"limits"`
	LimitsFrom map[string]string `json:"limits_from"` // by the name of a limit: who stated its default

	User Setting[string] `json:"user"` // absolute path of the user's file; "" when there is none
}

const (
	byDefault  = "default"
	storeFlag  = "flag --store"
	storeEnv   = "PBUILD_STORE"
	mirrorFlag = "flag --mirror"
	mirrorEnv  = "PBUILD_DEBIAN_MIRROR"
	rootStore  = "/var/lib/pbuild"
)

// Resolve reads the files and merges what they, environment and flags say.
// Mistakes in files are yamldoc errors, FILE:LINE:COLUMN; others begin with the
// flag or the variable. A file that nobody named may be absent.
func Resolve(f Flags, h Host) (*Config, error) {
	c := &Config{Debian: Setting[[]fetch.Mirror]{Origin: byDefault}, Quota: Setting[int64]{Origin: byDefault}}
	var err error
	if c.Recipes, err = h.recipes(f.Recipes); err != nil {
		return nil, err
	}
	var asked, allowed stated
	if asked, err = h.collectionFile(c); err != nil {
		return nil, err
	}
	if allowed, err = h.userFile(f.Config, c); err != nil {
		return nil, err
	}
	c.takeLimits(asked, allowed, h.RAM)
	if err := h.mirrors(f.Mirrors, c); err != nil {
		return nil, err
	}
	if err := h.store(f.Store, c); err != nil {
		return nil, err
	}
	return c, nil
}

// mirrors takes the mirrors that flags, else the environment, name.
func (h Host) mirrors(flags []string, c *Config) error {
	urls, origin := flags, mirrorFlag
	if len(urls) == 0 {
		urls, origin = strings.Fields(h.Env(mirrorEnv)), mirrorEnv
	}
	if len(urls) == 0 {
		return nil
	}
	list := make([]fetch.Mirror, len(urls))
	for i, u := range urls {
		m, err := fetch.ParseMirror(u, origin)
		if err != nil {
			return fmt.Errorf("%s: %w", origin, err)
		}
		list[i] = m
	}
	c.Debian = Setting[[]fetch.Mirror]{list, origin}
	return nil
}

// store takes the store that the flag, the environment, a file (already in c) or
// the default names.
func (h Host) store(flag string, c *Config) (err error) {
	given, origin := flag, storeFlag
	if given == "" {
		given, origin = h.Env(storeEnv), storeEnv
	}
	if given != "" {
		if c.Store.Value, err = h.absolute(given); err != nil {
			return fmt.Errorf("%s: %w", origin, err)
		}
		c.Store.Origin = origin
		return nil
	}
	if c.Store.Value != "" {
		return nil
	}
	c.Store.Origin = byDefault
	if h.Root {
		c.Store.Value = rootStore
		return nil
	}
	data, err := h.base("XDG_DATA_HOME", ".local/share")
	if err != nil {
		return fmt.Errorf("store: %w: --store DIR or %s says where", err, storeEnv)
	}
	c.Store.Value = path.Join(data, "pbuild")
	return nil
}

// errNoHome says that the environment doesn't tell the home directory.
var errNoHome = errors.New("HOME: not an absolute path")

// home returns the user's home directory.
func (h Host) home() (string, error) {
	if dir := h.Env("HOME"); path.IsAbs(dir) {
		return path.Clean(dir), nil
	}
	return "", errNoHome
}

// base returns a base directory of the XDG Base Directory Specification, which
// says that a variable that holds a relative path is ignored.
func (h Host) base(variable, underHome string) (string, error) {
	if dir := h.Env(variable); path.IsAbs(dir) {
		return path.Clean(dir), nil
	}
	home, err := h.home()
	if err != nil {
		return "", err
	}
	return path.Join(home, underHome), nil
}

// absolute returns the clean absolute form of a path from a flag or the
// environment. ~/ is the home directory: shells leave it alone in --store=~/x.
func (h Host) absolute(p string) (string, error) {
	if p == "~" || strings.HasPrefix(p, "~/") {
		home, err := h.home()
		if err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
		return path.Join(home, p[1:]), nil
	}
	if path.IsAbs(p) {
		return path.Clean(p), nil
	}
	return path.Join(h.Dir, p), nil
}

// shown returns an absolute path for people: from the working directory where it
// is below it, else from the home directory, else whole.
func (h Host) shown(p string) string {
	if rest, ok := strings.CutPrefix(p, strings.TrimSuffix(h.Dir, "/")+"/"); ok {
		return rest
	}
	if home, err := h.home(); err == nil {
		if rest, ok := strings.CutPrefix(p, home+"/"); ok {
			return "~/" + rest
		}
	}
	return p
}
