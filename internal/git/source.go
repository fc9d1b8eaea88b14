package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// source is one place to ask.
type source struct {
	name     string // the URL, or a path
	protocol string // what GIT_ALLOW_PROTOCOL says
	host     string // "host:port" to connect to beforehand; empty: don't
}

// address is what git is told. A path with what is a URL's: without, git knows no
// remote of that name when it leaves out files, and misses them.
func (src source) address() string {
	if src.protocol == "file" {
		return "file://" + strings.NewReplacer("%", "%25", "\n", "%0A").Replace(src.name)
	}
	return src.name
}

// protocols says what a URL's scheme lets git use. http may be redirected to
// https, but not the other way.
var protocols = map[string]string{"http": "http:https", "https": "https", "git": "git", "ssh": "ssh"}

// sources returns where to ask for r, in order.
func (s *session) sources(r Remote) ([]source, error) {
	var out []source
	if r.Local != "" {
		path, err := localPath(r.Local)
		if err != nil {
			return nil, err
		}
		out = append(out, source{name: path, protocol: "file"})
	}
	addresses, err := s.client.addresses(r)
	if err != nil {
		return nil, err
	}
	if s.client.Offline {
		if len(out) == 0 {
			return nil, &OfflineError{r.URLs[0]}
		}
		return out, nil
	}
	for _, a := range addresses {
		src := source{name: a.raw, protocol: protocols[a.scheme], host: a.host}
		switch a.scheme {
		case "ssh":
			src.host = "" // the user's ~/.ssh/config may know another way there
		case "http", "https":
			if proxied() {
				src.host = ""
			}
		}
		out = append(out, src)
	}
	return out, nil
}

// localPath returns the absolute path that a person named.
func localPath(raw string) (string, error) {
	path := raw
	if strings.HasPrefix(raw, "file:") {
		u, err := url.Parse(raw)
		if err != nil || u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return "", fmt.Errorf("%q: want file:/// and an absolute path", raw)
		}
		path = u.Path
	}
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q: want an absolute path", raw)
	}
	return filepath.Clean(path), nil
}

// each asks the sources one after another until one answers well. what and id
// say what is looked for. try returns a *failure, or an error that ends all.
// Sources that broke off are asked again, twice.
func (s *session) each(ctx context.Context, r Remote, what, id string, try func(source) error) error {
	sources, err := s.sources(r)
	if err != nil {
		return err
	}
	hosts := map[string]bool{}
	for _, src := range sources {
		if src.host != "" {
			hosts[src.host] = true
		}
	}
	failures := make([]*failure, len(sources))
	once := func(i int) error {
		src := sources[i]
		failures[i] = nil
		if src.host != "" {
			lost, err := s.client.reach(ctx, src.host, len(hosts))
			if err != nil {
				return err
			}
			if lost != nil {
				why := lost.Error()
				if !lost.Refused { // else it says so
					why = "no route: " + why
				}
				failures[i] = &failure{noRoute, src.name, why, lost}
				return nil
			}
		}
		err := try(src)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.As(err, &failures[i]) {
			return nil
		}
		return err
	}
	for round := 0; ; round++ {
		for i := range sources {
			if round > 0 && failures[i].kind != broken {
				continue
			}
			if err := once(i); err != nil || failures[i] == nil {
				return err
			}
		}
		again := slices.ContainsFunc(failures, func(f *failure) bool { return f.kind == broken })
		if !again || round == len(s.bounds.pauses) {
			return verdict(r.name(), what, id, failures)
		}
		if err := sleep(ctx, s.bounds.pauses[round]); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
