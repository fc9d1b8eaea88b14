package git

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/tree"
)

func TestSubmodules(t *testing.T) {
	t.Parallel()
	inner := newRepo(t)
	innerID := inner.commit("main", "x", content{"in": "inner"})
	middle := newRepo(t)
	is := serve(t, inner)
	middleID := middle.commit("main", "x", content{
		"mid": "middle", "deeper": modeGitlink + " " + innerID, ".gitmodules": "[submodule \"n\"]\n\tpath = deeper\n\turl = " + is.url + "\n",
	})
	ms := serve(t, middle)
	outer := newRepo(t)
	id := outer.commit("main", "x", content{
		"out": "outer", "lib/mid": modeGitlink + " " + middleID, "lib/alone": modeGitlink + " " + innerID,
		".gitmodules": "[submodule \"a b\"]\n\tpath = lib/mid\n\turl = " + ms.url + "\n[submodule \"x\"]\n\tpath = lib/alone/\n\turl = " + is.url + "/\n[include]\n\tpath = /etc/passwd\n",
	})
	top := serve(t, outer)
	c := newClient(t)
	dir := t.TempDir()
	if _, err := c.Checkout(t.Context(), remote(top.url), id, Options{Submodules: true}, dir); err != nil {
		t.Fatal(err)
	}
	l := list(t, dir)
	want := []string{
		"drwxr-xr-x lib", "drwxr-xr-x lib/alone", "-rw-r--r-- lib/alone/in inner", "drwxr-xr-x lib/mid",
		"drwxr-xr-x lib/mid/deeper", "-rw-r--r-- lib/mid/deeper/in inner", "-rw-r--r-- lib/mid/mid middle", "-rw-r--r-- out outer",
	}
	l = slices.DeleteFunc(l, func(s string) bool { return strings.Contains(s, ".gitmodules") })
	if !slices.Equal(l, want) {
		t.Errorf("%q", l)
	}
	dir = t.TempDir()
	if _, err := c.Checkout(t.Context(), remote(top.url), id, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	if got, want := digestOf(t, dir), checkedOut(t, outer, id); got != want {
		t.Errorf("without: digest %s, of a clone %s", got, want)
	}
	_, err := c.Checkout(t.Context(), remote(top.url), id, Options{Submodules: true, Limits: tree.Limits{Entries: 9}}, t.TempDir())
	if !errors.Is(err, tree.ErrLimit) || !strings.HasSuffix(err.Error(), "over the limit: submodule deeper: nothing is left for it") {
		t.Errorf("%v", err)
	}
}

func TestHostileSubmodules(t *testing.T) {
	t.Parallel()
	canary := filepath.Join(t.TempDir(), "canary")
	r := newRepo(t)
	sub := r.commit("sub", "x", content{"a": "b"})
	s := serve(t, r)
	module := func(url string) string { return "[submodule \"n\"]\n\tpath = n\n\turl = \"" + url + "\"\n" }
	link := modeGitlink + " " + sub
	for _, tc := range []struct {
		name  string
		files content
		want  string // after ": "; of fsck only the message
	}{
		{"ext", content{"n": link, ".gitmodules": module("ext::sh -c touch% " + canary)}, `submodule n: URL "ext::sh -c touch% ` + canary + `": want https://, http://, git:// or ssh://`},
		{"file", content{"n": link, ".gitmodules": module("file://" + r.dir)}, "submodule n: URL file://" + r.dir + ": want https://, http://, git:// or ssh://"},
		{"path", content{"n": link, ".gitmodules": module(r.dir)}, "submodule n: URL " + r.dir + ": want https://, http://, git:// or ssh://"},
		{"scp", content{"n": link, ".gitmodules": module("host:path")}, "submodule n: URL host:path: want https://, http://, git:// or ssh://"},
		{"password", content{"n": link, ".gitmodules": module("https://me:secret@host/x")}, "submodule n: URL https://…@host/x: user or password: not taken"},
		{"option", content{"n": link, ".gitmodules": module("--upload-pack=touch " + canary)}, "gitmodulesUrl: disallowed submodule url: --upload-pack=touch " + canary},
		{"ssh option", content{"n": link, ".gitmodules": module("ssh://-oProxyCommand=touch/x")}, "submodule n: URL ssh://-oProxyCommand=touch/x: host: not valid"},
		{"out", content{"n": link, ".gitmodules": module("../../../x")}, "submodule n: URL ../../../x: leads out of " + s.url},
		{"dots", content{"n": link, ".gitmodules": module("./x/../../y")}, "submodule n: URL " + s.url + "/x/../../y: path: \"..\": not taken"},
		{"none", content{"n": link, "m": "x"}, "submodules: no .gitmodules, or it is no file"},
		{"not named", content{"n": link, ".gitmodules": "[submodule \"m\"]\n\tpath = m\n\turl = https://host/x\n"}, "submodule n: .gitmodules does not say where it is"},
		{"carriage return", content{"n": link, ".gitmodules": "[submodule \"n\"]\n\tpath = \"n\r\"\n\turl = https://host/x\n"}, "submodule n: .gitmodules does not say where it is"},
		{"two", content{"n": link, ".gitmodules": module("https://a/x") + "[submodule \"m\"]\n\tpath = n\n\turl = https://b/x\n"}, `.gitmodules: path "n": two submodules`},
		{"symlink", content{"n": link, "x": module("https://a/x"), ".gitmodules": modeLink + " x"}, "gitmodulesSymlink: .gitmodules is a symbolic link"},
		{"update", content{"n": link, ".gitmodules": module("https://a/x") + "\tupdate = !touch " + canary + "\n"}, "gitmodulesUpdate: disallowed submodule update setting: !touch " + canary},
		{"name", content{"n": link, ".gitmodules": "[submodule \"../../x\"]\n\tpath = n\n\turl = " + s.url + "\n"}, "gitmodulesName: disallowed submodule name: ../../x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := r.commit("main", "x", tc.files)
			c := newClient(t)
			_, err := c.Checkout(t.Context(), remote(s.url), id, Options{Submodules: true}, t.TempDir())
			if err == nil || !strings.HasPrefix(err.Error(), "fetch "+s.url) || !strings.HasSuffix(err.Error(), ": "+tc.want) {
				t.Errorf("\n got %v\nwant %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("shows a password")
			}
			if _, err := os.Lstat(canary); err == nil {
				t.Error("it ran")
			}
		})
	}
	// Beside the repository, of each of its URLs.
	for base, want := range map[string]string{
		"https://h/a/b ../c": "https://h/a/c", "https://h/a/b/ ./c": "https://h/a/b/c", "https://h/a/b ../../c/d": "https://h/c/d", "https://h/a ./../c": "https://h/c",
		"https://h/a https://i/b": "https://i/b",
	} {
		b, raw, _ := strings.Cut(base, " ")
		if got, err := relative(b, raw); got != want || err != nil {
			t.Errorf("%s: %s %v", base, got, err)
		}
	}
	// Of a folder of this machine nothing beside it.
	id := r.commit("main", "x", content{"n": link, ".gitmodules": module("../x")})
	_, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, id, Options{Submodules: true}, t.TempDir())
	wantError(t, err, "fetch "+r.dir+": commit "+id[:7]+": submodule n: URL ../x: relative to a repository of this machine: not taken")
}

func FuzzParseModules(f *testing.F) {
	f.Add("submodule.a b.path\nlib\x00submodule.a b.url\n../x\x00")
	f.Add("submodule.path\nx\x00submodule..url\ny\x00core.bare\x00submodule.a.path\nlib\x00submodule.a.path\nlib2\x00")
	f.Fuzz(func(t *testing.T, text string) {
		urls, err := parseModules(text)
		if err != nil && urls != nil {
			t.Fatal(err)
		}
		for p := range urls {
			if p == "" || strings.Contains(p, "//") {
				t.Fatalf("%q", p)
			}
		}
	})
}
