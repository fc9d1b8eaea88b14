package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// collectionFile takes what the collection's pbuild.yaml may say.
func (h Host) collectionFile(c *Config) (l stated, err error) {
	if c.Recipes.Value == "" {
		return l, nil
	}
	file := path.Join(c.Recipes.Value, collectionName)
	doc, err := h.parse(file, h.Plain)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	f := doc.Root().Fields("store", "debian", "mirrors", "limits")
	if s := f.Get("store"); s.Present() {
		s.Errorf("not taken from a collection: only from the user's file, %s or --store", storeEnv)
	}
	if list := debian(f.Get("debian"), true); len(list.Value) > 0 {
		c.Debian = list
	}
	if err := c.takeMirrors(f.Get("mirrors"), true); err != nil {
		return l, err
	}
	l = parseLimits(f.Get("limits"))
	return l, doc.Err()
}

// userFile takes what the user's own file says; unless flag or environment name
// it, it may be absent.
func (h Host) userFile(flag string, c *Config) (l stated, err error) {
	file, origin, err := h.userFilePath(flag)
	if err != nil {
		return l, err
	}
	if c.User = (Setting[string]{"", byDefault}); file == "" {
		return l, nil
	}
	doc, err := h.parse(file, func(name string) (fs.File, error) {
		if info, err := fs.Stat(h.Files, inside(name)); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
			return nil, errNotPlain // a pipe would be waited for
		}
		return h.Files.Open(inside(name))
	})
	if origin == "" && errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil && origin != "" {
		return l, fmt.Errorf("%s: %w", origin, err)
	}
	if err != nil {
		return l, err
	}
	c.User = Setting[string]{file, cmp.Or(origin, byDefault)}
	f := doc.Root().Fields("store", "debian", "mirrors", "limits")
	stored := f.Get("store").Fields("path", "quota")
	place := stored.Get("path")
	if dir := yamldoc.As(place, h.storePath); dir != "" {
		c.Store = Setting[string]{dir, at(place)}
	}
	if quota := stored.Get("quota"); quota.Present() {
		c.Quota = Setting[int64]{yamldoc.As(quota, limits.ParseSize), at(quota)}
	}
	if list := debian(f.Get("debian"), false); len(list.Value) > 0 {
		c.Debian = list
	}
	if err := c.takeMirrors(f.Get("mirrors"), false); err != nil {
		return l, err
	}
	l = parseLimits(f.Get("limits"))
	return l, doc.Err()
}

// userFilePath returns where the user's file is, and who named it: "" for its
// usual place. Without a home directory there is none.
func (h Host) userFilePath(flag string) (file, origin string, err error) {
	given, origin := flag, "flag --config"
	if given == "" {
		given, origin = h.Env("PBUILD_CONFIG"), "PBUILD_CONFIG"
	}
	if given != "" {
		if file, err = h.absolute(given); err != nil {
			return "", "", fmt.Errorf("%s: %w", origin, err)
		}
		return file, origin, nil
	}
	dir, err := h.base("XDG_CONFIG_HOME", ".config")
	if errors.Is(err, errNoHome) {
		return "", "", nil
	}
	return path.Join(dir, "pbuild/config.yaml"), "", err
}

// parse reads a file; its errors name it as shown.
func (h Host) parse(file string, open func(string) (fs.File, error)) (*yamldoc.Doc, error) {
	f, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.shown(file), bare(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yamldoc.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.shown(file), bare(err))
	}
	return yamldoc.Parse(h.shown(file), data)
}

// storePath reads store.path: absolute, or below the home directory. A relative
// one would be another store in each folder.
func (h Host) storePath(p string) (string, error) {
	if p != "~" && !strings.HasPrefix(p, "~/") && !path.IsAbs(p) {
		return "", fmt.Errorf("%q: want an absolute path or one that begins with ~/", p)
	}
	return h.absolute(p)
}

// at returns FILE:LINE of a value.
func at(v yamldoc.Value) string {
	p := v.Position()
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
