package git

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

const maxModules = 1 << 20 // bytes of .gitmodules

// submoduleURLs returns path → URL, as the blob of .gitmodules says (see
// gitmodules(5)). Only path and url count: update would name a command.
func (s *session) submoduleURLs(ctx context.Context, repo, blob string) (map[string]string, error) {
	if blob == "" {
		return nil, errors.New("submodules: no .gitmodules, or it is no file")
	}
	out, err := s.output(ctx, repo, maxModules, "config", "--blob="+blob, "--no-includes", "-z", "--list")
	if err != nil {
		return nil, fmt.Errorf(".gitmodules: %w", err)
	}
	return parseModules(string(out))
}

// parseModules reads what git config -z --list prints: KEY ⏎ VALUE, each ended
// by a zero byte. A path that two submodules claim, or one that is given twice,
// is an error: readers differ about which counts.
func parseModules(text string) (map[string]string, error) {
	type module struct{ path, url string }
	modules := map[string]*module{}
	for record := range strings.SplitSeq(text, "\x00") {
		key, value, _ := strings.Cut(record, "\n")
		rest, ok := strings.CutPrefix(key, "submodule.")
		i := strings.LastIndexByte(rest, '.')
		if !ok || i < 0 {
			continue
		}
		name, field := rest[:i], rest[i+1:]
		m := modules[name]
		if m == nil {
			m = &module{}
			modules[name] = m
		}
		var to *string
		switch field {
		case "path":
			to = &m.path
		case "url":
			to = &m.url
		default:
			continue
		}
		if *to != "" && *to != value {
			return nil, fmt.Errorf(".gitmodules: submodule %s: two of %s", strconv.QuoteToASCII(name), field)
		}
		*to = value
	}
	urls := map[string]string{}
	for _, m := range modules {
		p := path.Clean(m.path)
		if old, ok := urls[p]; ok && old != m.url {
			return nil, fmt.Errorf(".gitmodules: path %s: two submodules", strconv.QuoteToASCII(p))
		}
		urls[p] = m.url
	}
	return urls, nil
}
