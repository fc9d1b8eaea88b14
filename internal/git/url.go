package git

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const maxURL = 2048 // bytes

// What a URL may be made of. It is less than RFC 3986 allows, so that nobody
// who reads it (git, ssh, a shell at the other end) can see anything but names.
var (
	authority = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:([A-Za-z0-9_][A-Za-z0-9._-]*)@)?([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?$`)
	})
	urlPath = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:/[A-Za-z0-9._~+,=:@%-]+)+/?$`)
	})
)

var portOf = map[string]string{"http": "80", "https": "443", "git": "9418", "ssh": "22"}

// address is a URL that is safe to give to git.
type address struct {
	raw    string
	scheme string
	host   string // "host:port"
}

// CheckURL says why a recipe can't name a repository by raw. It takes http://,
// https://, git:// and ssh:// (with a user, if need be) with a host and a path.
// It takes no local path, no file:, no remote helper (ext::…), no password, and
// not USER@HOST:PATH, which is a second spelling of ssh://. The error does not
// show what could be a password.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

func parseURL(raw string) (address, error) {
	say := func(why string) (address, error) {
		return address{}, fmt.Errorf("URL %s: %s", shown(raw), why)
	}
	if len(raw) > maxURL {
		return address{}, fmt.Errorf("URL: more than %d bytes", maxURL)
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if port := portOf[scheme]; !ok || port == "" {
		return say("want https://, http://, git:// or ssh://")
	}
	where, _, _ := strings.Cut(rest, "/")
	m := authority().FindStringSubmatch(where)
	switch {
	case strings.Contains(where, "@") && scheme != "ssh", m == nil && strings.Contains(where, "@"):
		return say("user or password: not taken")
	case m == nil:
		return say("host: not valid")
	}
	path := rest[len(where):]
	if !urlPath().MatchString(path) {
		return say("path: want names of A-Z a-z 0-9 . _ ~ + , = : @ % - between slashes")
	}
	for c := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		plain, err := url.PathUnescape(c)
		if err != nil || plain == "." || plain == ".." ||
			strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }) {
			return say(fmt.Sprintf("path: %q: not taken", c))
		}
	}
	a := address{raw: raw, scheme: scheme}
	port := portOf[scheme]
	if m[3] != "" {
		if n, err := strconv.Atoi(m[3]); err != nil || n < 1 || n > 65535 {
			return say("port: not valid")
		}
		port = m[3]
	}
	a.host = net.JoinHostPort(strings.Trim(m[2], "[]"), port)
	return a, nil
}

// shown returns a URL that was not taken, for an error: without what may be a
// password, and quoted where a terminal could be misled.
func shown(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		begin := 0
		if j := strings.Index(raw[:i], "://"); j >= 0 {
			begin = j + len("://")
		}
		raw = raw[:begin] + "…" + raw[i:]
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' || r == '\\' }) || raw == "" {
		return strconv.QuoteToASCII(raw)
	}
	return raw
}

// addresses returns the URLs of r with the mirrors of each before it, each once.
func (c *Client) addresses(r Remote) ([]address, error) {
	var out []address
	add := func(raw string) error {
		a, err := parseURL(raw)
		if err == nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
		return err
	}
	for _, raw := range r.URLs {
		if err := CheckURL(raw); err != nil {
			return nil, err
		}
		prefix, rest := "", ""
		for p := range c.Mirrors {
			if tail, ok := below(raw, p); ok && len(p) > len(prefix) {
				prefix, rest = p, tail
			}
		}
		var mirrors []string
		if prefix != "" {
			mirrors = c.Mirrors[prefix]
		}
		for _, m := range mirrors {
			if err := add(strings.TrimSuffix(strings.TrimSuffix(m, "/")+"/"+rest, "/")); err != nil {
				return nil, fmt.Errorf("mirror of %s: %w", prefix, err)
			}
		}
		if err := add(raw); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 && r.Local == "" {
		return nil, errors.New("no URL")
	}
	return out, nil
}

// below reports whether raw is prefix or lies below it, and what follows: a
// host's name does not begin another one's.
func below(raw, prefix string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(raw, strings.TrimSuffix(prefix, "/"))
	if !ok || prefix == "" || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}

// relative resolves the URL of a submodule against that of the repository, as
// git-submodule(1) says; URLs that begin with neither ./ nor ../ are returned as
// they are.
func relative(base, raw string) (string, error) {
	if !strings.HasPrefix(raw, "./") && !strings.HasPrefix(raw, "../") {
		return raw, nil
	}
	scheme, rest, _ := strings.Cut(strings.TrimSuffix(base, "/"), "://")
	left := raw
	for {
		if next, ok := strings.CutPrefix(left, "./"); ok {
			left = next
			continue
		}
		next, ok := strings.CutPrefix(left, "../")
		if !ok {
			break
		}
		i := strings.LastIndexByte(rest, '/')
		if i < 0 {
			return "", fmt.Errorf("URL %s: leads out of %s", shown(raw), base)
		}
		rest, left = rest[:i], next
	}
	return scheme + "://" + rest + "/" + left, nil
}
