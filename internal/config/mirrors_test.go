package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

const (
	userYAML = "/home/me/.config/pbuild/config.yaml"
	ourYAML  = "/w/recipes/pbuild.yaml"
)

// TestMirrors: the user's list for a prefix replaces the collection's, the other
// prefixes stay; each remembers who said it.
func TestMirrors(t *testing.T) {
	got, err := Resolve(Flags{}, host("/w", map[string]string{
		ourYAML: "mirrors:\n  https://Opendev.org: [http://git.example/opendev/]\n  https://github.com/openstack/:\n  - https://a.example\n  - https://b.example:443/x/../y\n",
		userYAML: "mirrors: {\"https://opendev.org/\": ['file:///srv/git', 'https://me:secret@git.example/']}\n" +
			"debian: ['https://me:secret@deb.example']\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Setting[[]string]{
		"https://opendev.org/":          {[]string{"file:///srv/git/", "https://me:secret@git.example/"}, "~/.config/pbuild/config.yaml:1"},
		"https://github.com/openstack/": {[]string{"https://a.example/", "https://b.example/y/"}, "recipes/pbuild.yaml:4"},
	}
	if d := cmp.Diff(want, got.Mirrors); d != "" {
		t.Error(d)
	}
	throughJSON(t, got)
	rows := got.Rows([]fetch.Mirror{mirror("http://host.example", "/etc/apt/sources.list:1")})
	if d := cmp.Diff([]Row{
		{"config", userYAML, "default"},
		{"recipes", "/w/recipes", "recipes/pbuild.yaml"},
		{"store.path", "/home/me/.local/share/pbuild", "default"},
		{"store.quota", "", "default"},
		{"debian[0]", "https://me:xxxxx@deb.example", "~/.config/pbuild/config.yaml:2"},
		{"limits.processes", "4096", "default"},
		{"limits.output", "256MiB", "default"},
		{"limits.time", "12h", "default"},
		{"mirrors.https://github.com/openstack/[0]", "https://a.example/", "recipes/pbuild.yaml:4"},
		{"mirrors.https://github.com/openstack/[1]", "https://b.example/y/", "recipes/pbuild.yaml:4"},
		{"mirrors.https://opendev.org/[0]", "file:///srv/git/", "~/.config/pbuild/config.yaml:1"},
		{"mirrors.https://opendev.org/[1]", "https://me:xxxxx@git.example/", "~/.config/pbuild/config.yaml:1"},
	}, rows); d != "" {
		t.Errorf("rows %s", d)
	}
}

// TestRowsOfNothing: what nobody set is told too, and where the host's mirrors
// come from.
func TestRowsOfNothing(t *testing.T) {
	got, err := Resolve(Flags{}, host("/w", nil))
	if err != nil {
		t.Fatal(err)
	}
	base := []Row{
		{"config", "", "default"},
		{"recipes", "", "default"},
		{"store.path", "/home/me/.local/share/pbuild", "default"},
		{"store.quota", "", "default"},
	}
	usual := []Row{{"limits.processes", "4096", "default"}, {"limits.output", "256MiB", "default"}, {"limits.time", "12h", "default"}}
	if d := cmp.Diff(slices.Concat(base, []Row{{"debian", "", "default"}}, usual), got.Rows(nil)); d != "" {
		t.Error(d)
	}
	host := []fetch.Mirror{mirror("http://u:p@host.example", "/etc/apt/sources.list:3")}
	if d := cmp.Diff(slices.Concat(base, []Row{{"debian[0]", "http://u:xxxxx@host.example", "/etc/apt/sources.list:3"}}, usual), got.Rows(host)); d != "" {
		t.Error(d)
	}
}

func TestMirrorMistakes(t *testing.T) {
	const ours, user = "recipes/pbuild.yaml", "~/.config/pbuild/config.yaml"
	for _, tc := range []struct{ file, text, want string }{
		{ourYAML, "mirrors:\n  https://a.example/:\n  - https://b.example\n  - https://me:secret@b.example\n", ours + ":4:5: mirrors.https://a.example/[1]: https://me:xxxxx@b.example: not taken from a collection: a path of this host or a password"},
		{ourYAML, "mirrors: {https://a.example/: ['file:///srv/git']}\n", ours + ":1:32: mirrors.https://a.example/[0]: file:///srv/git: not taken from a collection: a path of this host or a password"},
		{ourYAML, "mirrors:\n  'file:///srv': [https://a.example]\n", ours + ":2:3: mirrors: file:///srv: not taken from a collection: a path of this host"},
		{ourYAML, "mirrors:\n  https://me:secret@a.example/: [https://b.example]\n", ours + ":2:3: mirrors: https://me:xxxxx@a.example: a password: not taken in a prefix"},
		{userYAML, "mirrors:\n  https://a.example: [https://b.example]\n  https://me:secret@a.example/: [https://b.example]\n", user + ":3:3: mirrors: https://me:xxxxx@a.example: a password: not taken in a prefix"},
		{userYAML, "mirrors: {'ssh://me:secret@a.example/': [https://b.example]}\n", user + ":1:11: mirrors: URL ssh://me:xxxxx@a.example/: scheme: want http, https or file"},
		{userYAML, "mirrors: {'git@a.example:x': [https://b.example]}\n", user + ":1:11: mirrors: URL: not valid (want http://, https:// or file:///)"},
		{userYAML, "mirrors:\n  https://a.example: [https://b.example]\n  HTTPS://A.example:443/: [https://c.example]\n", user + ":3:3: mirrors: https://a.example/: stands there twice"},
		{userYAML, "mirrors: {https://a.example/: []}\n", user + ":1:31: mirrors.https://a.example/: want at least one URL, or leave it out"},
		{userYAML, "mirrors: {https://a.example/: https://b.example}\n", user + ":1:31: mirrors.https://a.example/: want a list, have text"},
		{userYAML, "mirrors: {https://a.example/: [b.example]}\n", user + ":1:32: mirrors.https://a.example/[0]: URL b.example: scheme: want http, https or file"},
		{userYAML, "mirrors: [https://a.example/]\n", user + ":1:10: mirrors: want a mapping, have a list"},
		{userYAML, "mirors: {}\n", user + `:1:1: unknown field "mirors": did you mean mirrors?`},
	} {
		got, err := Resolve(Flags{}, host("/w", map[string]string{tc.file: tc.text}))
		if err == nil || err.Error() != tc.want {
			t.Errorf("error\n  %v\nwant\n  %s", err, tc.want)
		}
		if got != nil {
			t.Errorf("with an error came %+v", got)
		}
		if y := new(yamldoc.Error); !errors.As(err, &y) {
			t.Errorf("%T: no *yamldoc.Error", err)
		}
	}
}

// FuzzFiles: of whatever stands in the two files, what is taken from a checkout
// has neither a password nor a path of this host, and each prefix ends in a slash.
func FuzzFiles(f *testing.F) {
	f.Add("mirrors: {https://a.example/: ['https://me:secret@b.example']}", true)
	f.Add("mirrors:\n  'file:///x': [http://b.example/%2e%2e]", true)
	f.Add("debian: [http://me:secret@a.example, 'file:///srv']\nmirrors: {}", true)
	f.Add("store: {path: ~/x}\nmirrors: {https://me:secret@a.example: [x]}", false)
	f.Fuzz(func(t *testing.T, text string, checkout bool) {
		file := userYAML
		if checkout {
			file = ourYAML
		}
		c, err := Resolve(Flags{}, host("/w", map[string]string{file: text}))
		if err != nil {
			return
		}
		taken := c.Debian.Value
		for prefix, s := range c.Mirrors {
			for _, base := range append(s.Value, prefix) {
				if !strings.HasSuffix(base, "/") {
					t.Errorf("%q: %q: no slash at the end", prefix, base)
				}
				taken = append(taken, fetch.Mirror{Base: base})
			}
		}
		for _, m := range taken {
			if _, err := fetch.ParseMirror(m.Base, ""); err != nil || checkout && private(m) {
				t.Errorf("%q is taken: %v", m.Base, err)
			}
		}
	})
}
