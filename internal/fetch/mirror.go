package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// Mirror is the root of a copy of a Debian archive.
type Mirror struct {
	Base   string   `json:"base"`             // as ParseMirror writes it: no slash at the end
	From   string   `json:"from,omitempty"`   // who named it: "flag --mirror", "/etc/apt/sources.list:3"
	Suites []string `json:"suites,omitempty"` // as the host's apt asks for it; only of candidates
}

// Mirrors says where the files of one suite may come from. It is plain data, so
// that one process can read the host's files and another one can fetch.
type Mirrors struct {
	Suite   string    `json:"suite"`             // codename, "bookworm"
	Given   []Mirror  `json:"given,omitempty"`   // named by people: used as they are, in this order
	Host    []Mirror  `json:"host,omitempty"`    // candidates, used when none is given; each is checked first
	Skipped []Skipped `json:"skipped,omitempty"` // apt sources that are no candidates

	// Root is a system whose apt sources become Host and Skipped when a mirror is
	// first needed and none is given: most runs need none. Empty: no system.
	Root string `json:"root,omitempty"`
}

// Skipped is an apt source that was left out.
type Skipped struct {
	From string `json:"from"` // file:line
	What string `json:"what"` // the part that decided: a URI, a suite
	Why  string `json:"why"`
}

// String returns FROM: WHAT: WHY.
func (s Skipped) String() string {
	if s.What == "" {
		return s.From + ": " + s.Why
	}
	return fmt.Sprintf("%s: %s: %s", s.From, s.What, s.Why)
}

// ParseMirror checks a mirror's URL: http and https with a host, or file with an
// absolute path (RFC 8089), without query and fragment. Two spellings of one
// root give the same Base. Errors never show a password.
func ParseMirror(base, from string) (Mirror, error) {
	u, err := parseURL(base)
	if err != nil {
		return Mirror{}, err
	}
	return Mirror{Base: u.String(), From: from}, nil
}

// String returns the base without its password.
func (m Mirror) String() string { return shown(m.Base) }

// shown returns a URL for people, without its password.
func shown(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Sprintf("%q", raw)
	}
	return u.Redacted()
}

func schemes() []string { return []string{"http", "https", "file"} }

// parseURL reads the URL of a mirror or a file and normalises it.
func parseURL(raw string) (*url.URL, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, errors.New("URL: holds a blank, a control character or a backslash")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// Where no URL can be read, nobody knows what part is a password.
		return nil, errors.New("URL: not valid (want http://, https:// or file:///)")
	}
	say := func(why string) (*url.URL, error) {
		return nil, fmt.Errorf("URL %s: %s", u.Redacted(), why)
	}
	switch {
	case u.Opaque != "":
		return say("want http://, https:// or file:///")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return say("query or fragment: not taken")
	}
	switch u.Scheme {
	case "http", "https":
		if u.Hostname() == "" {
			return say("no host")
		}
		u.Host = strings.ToLower(u.Host)
		if port := u.Port(); port == "" || u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
			u.Host = strings.TrimSuffix(strings.TrimSuffix(u.Host, port), ":")
		}
	case "file":
		if u.User != nil || u.Host != "" && u.Host != "localhost" {
			return say("a file has no host")
		}
		if !path.IsAbs(u.Path) {
			return say("want an absolute path")
		}
		u.Host, u.OmitHost = "", false // three slashes
	default:
		return say("scheme: want http, https or file")
	}
	// Clean, escaped as it was written, without a slash at the end.
	u.RawPath = strings.TrimSuffix(path.Clean("/"+u.EscapedPath()), "/")
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return say("path: not valid")
	}
	if u.Scheme == "file" && u.Path == "" {
		return nil, errors.New("URL file:///: want a folder below /")
	}
	return u, nil
}

// fileURL returns the URL of a file below base.
func fileURL(base *url.URL, file string) (*url.URL, error) {
	if err := checkPath(file); err != nil {
		return nil, err
	}
	// A plus sign in a path is itself, but some object stores read it as a
	// blank; as %2B everybody reads it as a plus sign. apt does the same.
	parts := strings.Split(file, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "+", "%2B")
	}
	u := *base
	u.Path = base.Path + "/" + file
	u.RawPath = base.EscapedPath() + "/" + strings.Join(parts, "/")
	return &u, nil
}

// checkPath refuses what does not stay below a mirror's root.
func checkPath(file string) error {
	if !fs.ValidPath(file) || file == "." || strings.ContainsFunc(file, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return fmt.Errorf("path %q: unsafe: want a clean relative path", file)
	}
	return nil
}

// checkFile refuses what is neither a whole URL nor a path below a mirror.
func checkFile(path string) error {
	if !whole(path) {
		return checkPath(path)
	}
	_, err := parseURL(path)
	return err
}

// whole reports whether a file's path is a whole URL.
func whole(path string) bool { return strings.Contains(path, "://") }

func shownPath(path string) string {
	if whole(path) {
		return shown(path)
	}
	return path
}
