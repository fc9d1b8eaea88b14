package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

const home = "/home/me"

// host returns a Host in dir; vars are NAME=VALUE.
func host(dir string, files map[string]string, vars ...string) Host {
	env := map[string]string{"HOME": home}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	m := fstest.MapFS{}
	for name, text := range files {
		m[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text)}
	}
	return Host{Env: func(n string) string { return env[n] }, Dir: dir, Files: m, Plain: func(name string) (fs.File, error) {
		info, err := fs.Stat(m, inside(name))
		if err != nil {
			return nil, err
		}
		if err := plain(info); err != nil {
			return nil, err
		}
		return m.Open(inside(name))
	}}
}

func mirror(base, from string) fetch.Mirror { return fetch.Mirror{Base: base, From: from} }

// throughJSON: a worker gets what its parent has resolved.
func throughJSON(t *testing.T, c *Config) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*c, again); d != "" {
		t.Errorf("through JSON: %s", d)
	}
}

func TestLaterWins(t *testing.T) {
	files := map[string]string{
		"/proj/p/recipes/pbuild.yaml":         "# ours\ndebian:\n  - http://collection.example/debian/\n",
		"/home/me/.config/pbuild/config.yaml": "store:\n  path: ~/user\ndebian: [http://user.example, https://me:secret@second.example]\n",
		"/elsewhere/flag.yaml":                "store: {path: /flag}\n",
		"/elsewhere/env.yaml":                 "debian: ['file:///srv/debian']\n",
	}
	only := func(name string) map[string]string { return map[string]string{name: files[name]} }
	recipes := Setting[string]{"/proj/p/recipes", "recipes/pbuild.yaml"}
	byCollection := Setting[[]fetch.Mirror]{[]fetch.Mirror{mirror("http://collection.example/debian", "recipes/pbuild.yaml:3")}, "recipes/pbuild.yaml:3"}
	const user = "~/.config/pbuild/config.yaml:3"
	byUser := Setting[[]fetch.Mirror]{[]fetch.Mirror{mirror("http://user.example", user), mirror("https://me:secret@second.example", user)}, user}
	byNobody := Setting[[]fetch.Mirror]{nil, "default"}
	byUserStore := Setting[string]{"/home/me/user", "~/.config/pbuild/config.yaml:2"}
	usual := Setting[string]{"/home/me/.local/share/pbuild", "default"}
	noFile, userFile := Setting[string]{"", "default"}, Setting[string]{"/home/me/.config/pbuild/config.yaml", "default"}
	conf := func(user, recipes, store Setting[string], debian Setting[[]fetch.Mirror]) Config {
		return Config{
			Recipes: recipes, Store: store, Quota: Setting[int64]{0, "default"}, Debian: debian, User: user,
			Limits: limits.NewPolicy(limits.Limits{}, limits.Limits{}, 0), LimitsFrom: map[string]string{"processes": "default", "output": "default", "time": "default"},
		}
	}
	limited := conf(userFile, Setting[string]{"", "default"}, usual, byNobody)
	limited.Quota = Setting[int64]{40 << 30, "~/.config/pbuild/config.yaml:2"}
	for _, tc := range []struct {
		name  string
		host  Host
		flags Flags
		want  Config
	}{
		{"nothing", host("/proj/p", nil), Flags{}, conf(noFile, Setting[string]{"", "default"}, usual, byNobody)},
		{"collection", host("/proj/p", only("/proj/p/recipes/pbuild.yaml")), Flags{}, conf(noFile, recipes, usual, byCollection)},
		{"user's file", host("/proj/p", files), Flags{}, conf(userFile, recipes, byUserStore, byUser)},
		{
			"environment", host("/proj/p", files, "PBUILD_STORE=rel/./x", "PBUILD_DEBIAN_MIRROR= http://env.example/ http://env2.example "),
			Flags{},
			conf(userFile, recipes, Setting[string]{"/proj/p/rel/x", "PBUILD_STORE"}, Setting[[]fetch.Mirror]{
				[]fetch.Mirror{mirror("http://env.example", "PBUILD_DEBIAN_MIRROR"), mirror("http://env2.example", "PBUILD_DEBIAN_MIRROR")}, "PBUILD_DEBIAN_MIRROR",
			}),
		},
		{
			"flags", host("/proj/p", files, "PBUILD_STORE=/env", "PBUILD_DEBIAN_MIRROR=http://env.example"),
			Flags{Store: "~/flag", Mirrors: []string{"http://flag.example"}},
			conf(userFile, recipes, Setting[string]{"/home/me/flag", "flag --store"}, Setting[[]fetch.Mirror]{[]fetch.Mirror{mirror("http://flag.example", "flag --mirror")}, "flag --mirror"}),
		},
		{"another user's file by flag", host("/proj/p", files, "PBUILD_CONFIG=/elsewhere/env.yaml"), Flags{Config: "/elsewhere/flag.yaml"}, conf(Setting[string]{"/elsewhere/flag.yaml", "flag --config"}, recipes, Setting[string]{"/flag", "/elsewhere/flag.yaml:1"}, byCollection)},
		{
			"another user's file by environment", host("/proj/p", files, "PBUILD_CONFIG=../../elsewhere/env.yaml"),
			Flags{},
			conf(Setting[string]{"/elsewhere/env.yaml", "PBUILD_CONFIG"}, recipes, usual, Setting[[]fetch.Mirror]{[]fetch.Mirror{mirror("file:///srv/debian", "/elsewhere/env.yaml:1")}, "/elsewhere/env.yaml:1"}),
		},
		{"quota alone", host("/proj/p", map[string]string{"/home/me/.config/pbuild/config.yaml": "store:\n  quota: 40GiB\n"}), Flags{}, limited},
		{"XDG directories", host("/proj/p", map[string]string{"/xdg/pbuild/config.yaml": "store: {}\n"}, "XDG_DATA_HOME=/data/", "XDG_CONFIG_HOME=/xdg"), Flags{}, conf(Setting[string]{"/xdg/pbuild/config.yaml", "default"}, Setting[string]{"", "default"}, Setting[string]{"/data/pbuild", "default"}, byNobody)},
		{"relative XDG directories", host("/proj/p", nil, "XDG_DATA_HOME=data", "XDG_CONFIG_HOME=xdg"), Flags{}, conf(noFile, Setting[string]{"", "default"}, usual, byNobody)},
		{"no home, store given", host("/proj/p", files, "HOME="), Flags{Store: "/s"}, conf(noFile, recipes, Setting[string]{"/s", "flag --store"}, byCollection)},
		{"empty variables", host("/proj/p", nil, "PBUILD_STORE=", "PBUILD_DEBIAN_MIRROR=  ", "PBUILD_CONFIG="), Flags{}, conf(noFile, Setting[string]{"", "default"}, usual, byNobody)},
		{"empty files", host("/proj/p", map[string]string{"/proj/p/recipes/pbuild.yaml": "", "/home/me/.config/pbuild/config.yaml": "# nothing\n"}), Flags{}, conf(userFile, recipes, usual, byNobody)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Resolve(tc.flags, tc.host)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, *got); d != "" {
				t.Error(d)
			}
			throughJSON(t, got)
		})
	}
}

func TestRootHasTheSystemsStore(t *testing.T) {
	h := host("/", nil, "XDG_DATA_HOME=/data")
	h.Root = true
	got, err := Resolve(Flags{}, h)
	if want := (Setting[string]{"/var/lib/pbuild", "default"}); err != nil || got.Store != want {
		t.Errorf("%+v %v", got, err)
	}
}

func TestCollectionIsFound(t *testing.T) {
	files := map[string]string{
		"/w/recipes/pbuild.yaml":          "",
		"/w/recipes/hello/recipe.yaml":    "",
		"/w/deep/er/x":                    "",
		"/both/pbuild.yaml":               "",
		"/both/recipes/pbuild.yaml":       "",
		"/bare/hello/recipe.yaml":         "",
		"/folder/pbuild.yaml/x":           "",
		"/folder/recipes/pbuild.yaml/x":   "",
		"/home/me/mine/pbuild.yaml":       "",
		"/home/me/mine/.git/HEAD":         "",
		"/home/me/other/recipes/r/x.yaml": "",
	}
	for _, tc := range []struct {
		dir, flag, env, want, origin string
	}{
		{"/w", "", "", "/w/recipes", "recipes/pbuild.yaml"},
		{"/w/deep/er", "", "", "/w/recipes", "/w/recipes/pbuild.yaml"},
		{"/w/recipes", "", "", "/w/recipes", "pbuild.yaml"},
		{"/w/recipes/hello", "", "", "/w/recipes", "/w/recipes/pbuild.yaml"},
		{"/both", "", "", "/both", "pbuild.yaml"},
		{"/folder", "", "", "", "default"},
		{"/", "", "", "", "default"},
		{"/home/me/mine/.git", "", "", "/home/me/mine", "~/mine/pbuild.yaml"},
		{"/w", "/both", "/home/me/mine", "/both", "flag --recipes"},
		{"/w", "", "~/mine", "/home/me/mine", "PBUILD_RECIPES"},
		{"/home", "../w", "", "/w/recipes", "flag --recipes"},
		{"/w", "/bare", "", "/bare", "flag --recipes"},
		{"/w", "/home/me/other/", "", "/home/me/other", "flag --recipes"},
	} {
		got, err := Resolve(Flags{Recipes: tc.flag}, host(tc.dir, files, "PBUILD_RECIPES="+tc.env))
		if want := (Setting[string]{tc.want, tc.origin}); err != nil || got.Recipes != want {
			t.Errorf("in %s with %q %q: %+v %v, want %+v", tc.dir, tc.flag, tc.env, got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	const user, ours = "/home/me/.config/pbuild/config.yaml", "/w/recipes/pbuild.yaml"
	for _, tc := range []struct {
		name  string
		files map[string]string
		flags Flags
		env   []string
		want  string
		yaml  bool
	}{
		{"a checkout's store", map[string]string{ours: "debian: [http://a.example]\nstore: {path: /tmp/forged}\n"}, Flags{}, nil, "recipes/pbuild.yaml:2:8: store: not taken from a collection: only from the user's file, PBUILD_STORE or --store", true},
		{"a checkout's store, flag given", map[string]string{ours: "store: {path: /tmp/forged}\n"}, Flags{Store: "/s"}, nil, "recipes/pbuild.yaml:1:8: store: not taken from a collection: only from the user's file, PBUILD_STORE or --store", true},
		{"a checkout's password", map[string]string{ours: "debian:\n- http://a.example\n- http://me:secret@a.example\n"}, Flags{}, nil, "recipes/pbuild.yaml:3:3: debian[1]: http://me:xxxxx@a.example: not taken from a collection: a path of this host or a password", true},
		{"a checkout's path", map[string]string{ours: "debian: ['file:///home/me']\n"}, Flags{}, nil, "recipes/pbuild.yaml:1:10: debian[0]: file:///home/me: not taken from a collection: a path of this host or a password", true},
		{"a checkout's trust", map[string]string{ours: "trust: []\n"}, Flags{}, nil, `recipes/pbuild.yaml:1:1: unknown field "trust": known are store, debian, mirrors, limits`, true},
		{"unknown field", map[string]string{user: "stroe: {path: /x}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:1: unknown field "stroe": did you mean store?`, true},
		{"unknown field within", map[string]string{user: "store: {path: /x, limit: 1}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:19: store: unknown field "limit": known are path, quota`, true},
		{"a checkout's quota", map[string]string{ours: "store: {quota: 1KiB}\n"}, Flags{}, nil, "recipes/pbuild.yaml:1:8: store: not taken from a collection: only from the user's file, PBUILD_STORE or --store", true},
		{"quota of nothing", map[string]string{user: "store: {quota: 0GiB}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:16: store.quota: "0GiB": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`, true},
		{"quota without a unit", map[string]string{user: "store: {quota: '40'}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:16: store.quota: "40": want a whole number of KiB, MiB, GiB or TiB, e.g. 512MiB`, true},
		{"duplicate", map[string]string{user: "debian: [http://a.example]\ndebian: [http://a.example]\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:2:1: duplicate key "debian": first in line 1`, true},
		{"wrong type", map[string]string{user: "debian: http://a.example\n"}, Flags{}, nil, "~/.config/pbuild/config.yaml:1:9: debian: want a list, have text", true},
		{"no mirror in the list", map[string]string{user: "debian: []\n"}, Flags{}, nil, "~/.config/pbuild/config.yaml:1:9: debian: want at least one URL, or leave it out", true},
		{"no URL", map[string]string{user: "debian: [a.example/debian]\n"}, Flags{}, nil, "~/.config/pbuild/config.yaml:1:10: debian[0]: URL a.example/debian: scheme: want http, https or file", true},
		{"relative store", map[string]string{user: "store: {path: share/pbuild}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:15: store.path: "share/pbuild": want an absolute path or one that begins with ~/`, true},
		{"another's home", map[string]string{user: "store: {path: ~you/pbuild}\n"}, Flags{}, nil, `~/.config/pbuild/config.yaml:1:15: store.path: "~you/pbuild": want an absolute path or one that begins with ~/`, true},
		{"home unknown", map[string]string{"/c.yaml": "store: {path: ~/pbuild}\n"}, Flags{Config: "/c.yaml"}, []string{"HOME="}, "/c.yaml:1:15: store.path: ~/pbuild: HOME: not an absolute path", true},
		{"home unknown, flag", nil, Flags{Store: "~"}, []string{"HOME=relative"}, "flag --store: ~: HOME: not an absolute path", false},
		{"nowhere for the store", nil, Flags{}, []string{"HOME="}, "store: HOME: not an absolute path: --store DIR or PBUILD_STORE says where", false},
		{"named file absent", nil, Flags{Config: "none.yaml"}, nil, "flag --config: none.yaml: file does not exist", false},
		{"named file absent, environment", nil, Flags{}, []string{"PBUILD_CONFIG=~/none.yaml"}, "PBUILD_CONFIG: ~/none.yaml: file does not exist", false},
		{"named file is wrong", map[string]string{"/c.yaml": "a: 1\na: 2\n"}, Flags{Config: "/c.yaml"}, nil, `flag --config: /c.yaml:2:1: duplicate key "a": first in line 1`, true},
		{"bad mirror by flag", nil, Flags{Mirrors: []string{"http://a.example", "ftp://a.example"}}, nil, "flag --mirror: URL ftp://a.example: scheme: want http, https or file", false},
		{"bad mirror by environment", nil, Flags{}, []string{"PBUILD_DEBIAN_MIRROR=x"}, "PBUILD_DEBIAN_MIRROR: URL x: scheme: want http, https or file", false},
		{"no such collection", nil, Flags{Recipes: "none"}, nil, "flag --recipes: /w/none: file does not exist", false},
		{"a collection that is a file", map[string]string{"/w/x": ""}, Flags{}, []string{"PBUILD_RECIPES=x"}, "PBUILD_RECIPES: /w/x: not a folder", false},
		{"pbuild.yaml is a folder", map[string]string{"/w/r/pbuild.yaml/x": ""}, Flags{Recipes: "r"}, nil, "r/pbuild.yaml: not a regular file", false},
		{"endless file", map[string]string{user: strings.Repeat("#", yamldoc.MaxSize+100)}, Flags{}, nil, fmt.Sprintf("~/.config/pbuild/config.yaml:1:1: %d bytes: more than %d", yamldoc.MaxSize+1, yamldoc.MaxSize), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Resolve(tc.flags, host("/w", tc.files, tc.env...))
			if err == nil || err.Error() != tc.want {
				t.Errorf("error\n  %v\nwant\n  %s", err, tc.want)
			}
			if got != nil {
				t.Errorf("with an error came %+v", got)
			}
			var y *yamldoc.Error
			if errors.As(err, &y) != tc.yaml {
				t.Errorf("%T: want a *yamldoc.Error in it: %v", err, tc.yaml)
			}
		})
	}
}

// TestRealFiles: links and folders that can't be looked into, on a real file system.
func TestRealFiles(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"home/.config", "real", "work/recipes", "work/x"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("real/config.yaml", "store: {path: /s}\n")
	write("work/recipes/pbuild.yaml", "")
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "home/.config/pbuild")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": dir + "/home"}
	h := Host{Env: func(n string) string { return env[n] }, Dir: dir + "/work/x", Files: os.DirFS("/"), Plain: OpenPlain}
	got, err := Resolve(Flags{}, h)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Recipes: Setting[string]{dir + "/work/recipes", dir + "/work/recipes/pbuild.yaml"},
		Store:   Setting[string]{"/s", "~/.config/pbuild/config.yaml:1"},
		Quota:   Setting[int64]{0, "default"},
		Debian:  Setting[[]fetch.Mirror]{nil, "default"},
		User:    Setting[string]{dir + "/home/.config/pbuild/config.yaml", "default"},
		Limits:  limits.NewPolicy(limits.Limits{}, limits.Limits{}, 0), LimitsFrom: map[string]string{"processes": "default", "output": "default", "time": "default"},
	}
	if d := cmp.Diff(want, *got); d != "" {
		t.Error(d)
	}

	env["PBUILD_CONFIG"] = dir + "/real"
	if _, err := Resolve(Flags{}, h); err == nil || err.Error() != "PBUILD_CONFIG: "+dir+"/real: is a directory" {
		t.Error(err)
	}
	h.Files = denied{h.Files, strings.TrimPrefix(dir, "/") + "/work/recipes/pbuild.yaml"}
	delete(env, "PBUILD_CONFIG")
	if got, err := Resolve(Flags{}, h); err != nil || got.Recipes.Value != "" {
		t.Errorf("%+v %v", got, err)
	}
}

// denied is a file system in which one file can't be looked at, as by a user
// without the right to; a test that runs as root has every right.
type denied struct {
	fs.FS
	name string
}

func (d denied) Lstat(name string) (fs.FileInfo, error) {
	if name == d.name {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrPermission}
	}
	return fs.Lstat(d.FS, name)
}

func (d denied) ReadLink(name string) (string, error) { return fs.ReadLink(d.FS, name) }

// TestNothingLeadsOutside: neither the file that marks a collection nor the
// folder through which it is found is a link, whoever is asked to follow it.
func TestNothingLeadsOutside(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	for _, d := range []string{"link/recipes", "folder", "named/pbuild.yaml", "pipe", "within", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.WriteFile(secret, []byte("password: x\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "elsewhere/pbuild.yaml"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "within/real.yaml"), nil, 0o644),
		os.Symlink(secret, filepath.Join(dir, "link/recipes/pbuild.yaml")),
		os.Symlink("../elsewhere", filepath.Join(dir, "folder/recipes")),
		os.Symlink("real.yaml", filepath.Join(dir, "within/pbuild.yaml")),
		syscall.Mkfifo(filepath.Join(dir, "pipe/pbuild.yaml"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(wd string) Host {
		return Host{Env: func(n string) string { return map[string]string{"HOME": home}[n] }, Dir: filepath.Join(dir, wd), Files: os.DirFS("/"), Plain: OpenPlain}
	}
	const link = "a symbolic link, which is not followed"
	for _, tc := range []struct{ wd, flag, want string }{
		{"link", "", "recipes/pbuild.yaml: " + link},
		{"link/recipes", "", "pbuild.yaml: " + link},
		{"", "link", "flag --recipes: link/recipes/pbuild.yaml: " + link},
		{"", "link/recipes", "flag --recipes: link/recipes/pbuild.yaml: " + link},
		{"within", "", "pbuild.yaml: " + link},
		{"folder", "", "recipes: " + link + ": name the folder itself with --recipes DIR"},
		{"", "folder", "flag --recipes: folder/recipes: " + link + ": name the folder itself with --recipes DIR"},
		{"", "named", "named/pbuild.yaml: not a regular file"},
		{"pipe", "", "pbuild.yaml: not a regular file"},
	} {
		got, err := Resolve(Flags{Recipes: tc.flag}, at(tc.wd))
		if got != nil || err == nil || err.Error() != tc.want {
			t.Errorf("in %q with %q: %v, want %s", tc.wd, tc.flag, err, tc.want)
		}
	}
	// Who names the link means it.
	got, err := Resolve(Flags{Recipes: "folder/recipes"}, at(""))
	if err != nil || got.Recipes.Value != filepath.Join(dir, "folder/recipes") {
		t.Errorf("named: %+v, %v", got, err)
	}
}

// TestSwapped: what was a regular file when it was found is something else when
// it is opened.
func TestSwapped(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, secret := filepath.Join(dir, "pbuild.yaml"), filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("password: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, swap := range map[string]func() error{
		"a symbolic link, which is not followed": func() error { return os.Symlink(secret, file) },
		"not a regular file":                     func() error { return syscall.Mkfifo(file, 0o644) },
	} {
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		h := Host{Env: func(string) string { return "" }, Dir: dir, Files: os.DirFS("/")}
		h.Plain = func(name string) (fs.File, error) {
			if err := errors.Join(os.Remove(file), swap()); err != nil {
				t.Fatal(err)
			}
			return OpenPlain(name)
		}
		if _, err := Resolve(Flags{Store: "/s"}, h); err == nil || err.Error() != "pbuild.yaml: "+name {
			t.Errorf("got %v, want %s", err, name)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
