package config

import (
	"fmt"
	"maps"
	"net/url"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// debian reads the list of Debian mirrors.
func debian(v yamldoc.Value, checkout bool) Setting[[]fetch.Mirror] {
	if !v.Present() {
		return Setting[[]fetch.Mirror]{}
	}
	return Setting[[]fetch.Mirror]{mirrorList(v, checkout), at(v)}
}

// mirrorList reads a list of mirrors. One of a checkout may hold neither a path
// of this host nor a password.
func mirrorList(v yamldoc.Value, checkout bool) (list []fetch.Mirror) {
	all := v.List()
	for _, one := range all {
		m := yamldoc.As(one, func(s string) (fetch.Mirror, error) { return fetch.ParseMirror(s, at(one)) })
		if checkout && private(m) {
			one.Errorf("%s: not taken from a collection: a path of this host or a password", m)
			continue
		}
		list = append(list, m)
	}
	if all != nil && len(all) == 0 {
		v.Errorf("want at least one URL, or leave it out")
	}
	return list
}

// private reports whether a mirror is a path of this host or has a password.
func private(m fetch.Mirror) bool {
	u, err := url.Parse(m.Base)
	return err == nil && (u.Scheme == "file" || u.User != nil)
}

// takeMirrors reads the mapping from URL prefixes to mirrors of what is below
// them. A prefix that was set by an earlier file gets the new list. Mistakes are
// noted in the file but those of a prefix, which are returned.
func (c *Config) takeMirrors(v yamldoc.Value, checkout bool) error {
	read := map[string]Setting[[]string]{}
	for _, e := range v.Entries() {
		prefix, err := mirrorPrefix(e.Key.Text(), checkout)
		if _, twice := read[prefix]; err == nil && twice {
			err = fmt.Errorf("%s: stands there twice", prefix)
		}
		if err != nil {
			// Noted at the key it would show the key's text, with a password in it.
			return e.Key.Position().Errorf("mirrors: %w", err)
		}
		one := Setting[[]string]{Origin: at(e.Value)}
		for _, m := range mirrorList(e.Value, checkout) {
			one.Value = append(one.Value, m.Base+"/")
		}
		read[prefix] = one
	}
	if len(read) > 0 && c.Mirrors == nil {
		c.Mirrors = map[string]Setting[[]string]{}
	}
	maps.Copy(c.Mirrors, read)
	return nil
}

// mirrorPrefix reads a prefix of URLs. It ends in a slash, whether written or
// not: https://a.example must not stand for https://a.example.org/ too.
func mirrorPrefix(text string, checkout bool) (string, error) {
	m, err := fetch.ParseMirror(text, "")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(m.Base)
	switch {
	case err != nil:
		return "", err
	case u.User != nil:
		return "", fmt.Errorf("%s: a password: not taken in a prefix", m)
	case checkout && private(m):
		return "", fmt.Errorf("%s: not taken from a collection: a path of this host", m)
	}
	return m.Base + "/", nil
}
