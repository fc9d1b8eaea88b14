package git

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
)

// unpackDirectly packs a commit of r without the fetch, and so without fsck.
func unpackDirectly(t *testing.T, r *repo, id, dir string) error {
	t.Helper()
	c := newClient(t)
	s, err := c.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	p := &packer{session: s, repo: r.dir}
	_, err = p.unpack(t.Context(), id, dir, tree.Limits{})
	return err
}

// TestHostileTrees: each is refused by git's fsck when it is fetched, and where
// fsck would let it through, when it is unpacked.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.object("blob", "x")
	up := r.object("blob", "../canary")
	sub := r.treeOf([3]string{modeFile, "x", blob})
	const odir = "40000" // as tree objects write it
	one := func(mode, name, id string) string { return r.treeOf([3]string{mode, name, id}) }
	for _, tc := range []struct {
		name, tree, fsck, unpack string
	}{
		{"..", one(odir, "..", sub), "hasDotdot", `unsafe path: "..": not clean`},
		{"file ..", one(modeFile, "..", blob), "hasDotdot", `unsafe path: "..": not clean`},
		{".", one(odir, ".", sub), "hasDot", `unsafe path: ".": not clean`},
		{".git", one(odir, ".git", sub), "hasDotgit", `unsafe path: ".git": .git, for some file systems`},
		{".GIT", one(odir, ".GIT", sub), "hasDotgit", `unsafe path: ".GIT": .git, for some file systems`},
		{"git~1", one(odir, "git~1", sub), "hasDotgit", `unsafe path: "git~1": .git, for some file systems`},
		{".git. ", one(odir, ".git. ", sub), "hasDotgit", `unsafe path: ".git. ": .git, for some file systems`},
		{".g\u200cit", one(odir, ".g\u200cit", sub), "hasDotgit", `unsafe path: ".g\u200cit": .git, for some file systems`},
		{".git::$INDEX", one(modeFile, ".git::$INDEX_ALLOCATION", blob), "hasDotgit", `unsafe path: ".git::$INDEX_ALLOCATION": .git, for some file systems`},
		{`a\.git`, one(modeFile, `a\.git`, blob), "hasDotgit", `unsafe path: "a\\.git": .git, for some file systems`},
		{"slash", one(modeFile, "a/../../canary", blob), "fullPathname", `unsafe path: "a/../../canary": not clean`},
		{"absolute", one(modeFile, "/canary", blob), "fullPathname", `unsafe path: "/canary": not clean`},
		{"empty", one(modeFile, "", blob), "lacks objects, or is damaged", "git ls-tree: empty filename in tree entry"},
		{"twice", r.treeOf([3]string{modeFile, "a", blob}, [3]string{modeFile, "a", blob}), "duplicateEntries", "unsafe path: a: stands twice"},
		{"link and directory", r.treeOf([3]string{"120000", "a", up}, [3]string{odir, "a", sub}), "duplicateEntries", "unsafe path: a: stands twice"},
		{"directories of one name", r.treeOf([3]string{odir, "a", sub}, [3]string{odir, "a", one(modeFile, "y", blob)}), "duplicateEntries", "unsafe path: a: stands twice"},
		{"through a link", r.treeOf([3]string{"120000", "a", up}, [3]string{modeFile, "a/x", blob}), "fullPathname", "unsafe path: a/x: leads through a, a symlink"},
		{"empty link", one("120000", "a", r.object("blob", "")), "", `unsafe path: symlink "a": target ""`},
		{"long link", one("120000", "a", r.object("blob", strings.Repeat("x", 5000))), "", `over the limit: symlink "a": target of 5000 bytes, at most 4095`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := r.commitOf(tc.tree)
			arena := t.TempDir()
			dir := filepath.Join(arena, "d")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(arena, "canary"), []byte("alive"), 0o600)); err != nil {
				t.Fatal(err)
			}
			wantError(t, unpackDirectly(t, r, id, dir), tc.unpack)
			_, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, id, Options{}, t.TempDir())
			if tc.fsck == "" {
				tc.fsck = tc.unpack
			}
			// Where the sender notices, either end may be the first to say so.
			broken := err != nil && tc.name == "empty" && strings.Contains(err.Error(), "protocol error: bad pack header")
			if err == nil || !strings.Contains(err.Error(), tc.fsck) && !broken {
				t.Errorf("fetched: %v, want %s", err, tc.fsck)
			}
			l := slices.DeleteFunc(list(t, arena), func(s string) bool { return strings.HasPrefix(s, "-rw-r--r-- d/") || strings.HasPrefix(s, "L") })
			if !slices.Equal(l, []string{"-rw------- canary alive", "drwx------ d"}) && !slices.Equal(l, []string{"-rw------- canary alive", "drwx------ d", "drwx------ d/a"}) {
				t.Errorf("%q", l)
			}
		})
	}
}

// TestNamesThatAreFine: close to the ones that are not.
func TestNamesThatAreFine(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	id := r.commit("main", "x", content{
		".gitx": "1", "..x": "2", "git": "3", ".git-x/y": "4", "-rf": "5", "$(touch x)": "6", "\"a\\nb\"": "7", " ": "8", "A": "9", "a": "10", ".wh.x": "11",
	})
	dir := t.TempDir()
	if _, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, id, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	if got, want := digestOf(t, dir), checkedOut(t, r, id); got != want {
		t.Errorf("digest %s, of a clone %s\n%q", got, want, list(t, dir))
	}
}

// TestOddModes: what git makes of modes that it never writes.
func TestOddModes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.object("blob", "x")
	id := r.commitOf(r.treeOf([3]string{"100664", "a", blob}, [3]string{"100700", "b", blob}, [3]string{"104755", "c", blob}, [3]string{"60000", "d", blob}))
	dir := t.TempDir()
	if _, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, id, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	if l := list(t, dir); !slices.Equal(l, []string{"-rw-r--r-- a x", "-rwxr-xr-x b x", "-rwxr-xr-x c x", "drwxr-xr-x d"}) {
		t.Errorf("%q", l)
	}
	if got, want := digestOf(t, dir), checkedOut(t, r, id); got != want {
		t.Errorf("digest %s, of a clone %s", got, want)
	}
}

// TestDeepAndWide: a tree 1,000 deep, and one of a billion paths in ten objects.
func TestDeepAndWide(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.object("blob", "x")
	entry := func(mode, name, id string) string { return mode + " " + name + "\x00" + unhex(id) }
	var batch strings.Builder
	id := blob
	mode := modeFile
	for range 1000 {
		body := entry(mode, "d", id)
		fmt.Fprintf(&batch, "%s %s %s\td\n\n", mode, map[string]string{modeFile: "blob", "40000": "tree"}[mode], id)
		id = fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "tree %d\x00%s", len(body), body)))
		mode = "40000"
	}
	plainGit(t, r.dir, batch.String(), "mktree", "--batch", "--missing")
	deep := r.commitOf(id)
	_, err := newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, deep, Options{}, t.TempDir())
	if !errors.Is(err, tree.ErrLimit) {
		t.Errorf("%v", err)
	}
	id = r.treeOf([3]string{modeFile, "0", blob})
	for range 9 {
		var all [][3]string
		for i := range 10 {
			all = append(all, [3]string{"40000", fmt.Sprint(i), id})
		}
		id = r.treeOf(all...)
	}
	wide := r.commitOf(id)
	_, err = newClient(t).Checkout(t.Context(), Remote{Local: r.dir}, wide, Options{Limits: tree.Limits{Entries: 1000}}, t.TempDir())
	wantError(t, err, "fetch "+r.dir+": commit "+wide[:7]+": over the limit: entries: more than 1000")
}

// TestNoCodeRuns: what a repository configures, plain git runs in the same place,
// and Checkout does not.
func TestNoCodeRuns(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	id := r.commit("main", "x", content{
		".gitattributes": "* filter=evil ident export-subst\n*.crlf text eol=crlf\nhidden export-ignore\n",
		"a":              "$Id$ $Format:%H$\n", "b.crlf": "x\n", "hidden": "h",
		".lfsconfig": "[lfs]\n\turl = http://127.0.0.1:1/\n",
	})
	canary := filepath.Join(t.TempDir(), "canary")
	// The clone that a person names is configured to run programs.
	clone := filepath.Join(t.TempDir(), "clone")
	plainGit(t, "/", "", "clone", "-q", r.dir, clone)
	for _, kv := range [][2]string{
		{"filter.evil.smudge", "touch " + canary + "; cat"},
		{"filter.evil.process", "touch " + canary},
		{"core.fsmonitor", "touch " + canary},
		{"uploadpack.packObjectsHook", "touch " + canary + "; exec"},
		{"core.sshCommand", "touch " + canary},
		{"core.pager", "touch " + canary},
		{"core.alternateRefsCommand", "touch " + canary},
	} {
		plainGit(t, clone, "", "config", kv[0], kv[1])
	}
	hooks := filepath.Join(clone, ".git", "hooks")
	if err := os.MkdirAll(hooks, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{"post-checkout", "pre-receive", "reference-transaction", "post-index-change"} {
		if err := os.WriteFile(filepath.Join(hooks, h), []byte("#!/bin/sh\ntouch "+canary+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	c := newClient(t)
	if _, err := c.Checkout(t.Context(), Remote{Local: clone}, id, Options{Submodules: true}, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Count(t.Context(), Remote{Local: clone}, id); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Resolve(t.Context(), Remote{Local: clone}, "main"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(canary); err == nil {
		t.Error("code of the repository ran")
	}
	for name, want := range map[string]string{"a": "$Id$ $Format:%H$\n", "b.crlf": "x\n", "hidden": "h"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	// The control: git in that clone.
	if err := os.Remove(filepath.Join(clone, "a")); err != nil {
		t.Fatal(err)
	}
	testenv.RunGit(clone, "", "checkout", "-q", "--force", id)
	if _, err := os.Lstat(canary); err != nil {
		t.Error("the control does not work")
	}
}

// TestEnvironment: the caller's variables and configuration reach no git.
func TestEnvironment(t *testing.T) {
	r, first, second := sample(t)
	canary := filepath.Join(t.TempDir(), "canary")
	home := t.TempDir()
	conf := "[core]\n\thooksPath = " + home + "\n[url \"/nowhere/\"]\n\tinsteadOf = " + r.dir + "\n[protocol]\n\tallow = never\n" +
		"[uploadpack]\n\tpackObjectsHook = touch " + canary + "; exec\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_DIR": home, "GIT_CONFIG_GLOBAL": home + "/.gitconfig", "GIT_CONFIG_COUNT": "1",
		"GIT_CONFIG_KEY_0": "core.sshCommand", "GIT_CONFIG_VALUE_0": "touch " + canary, "GIT_ALLOW_PROTOCOL": "none", "GIT_TRACE": canary,
		"GIT_EXEC_PATH": home, "GIT_SSH_COMMAND": "touch " + canary, "GIT_OBJECT_DIRECTORY": home, "GIT_PROXY_COMMAND": "touch " + canary,
		"GIT_TEMPLATE_DIR": home, "GIT_SHALLOW_FILE": canary, "LD_PRELOAD": "", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8",
	} {
		t.Setenv(k, v)
	}
	c := newClient(t)
	if _, err := c.Checkout(t.Context(), Remote{Local: r.dir}, second, Options{}, t.TempDir()); err != nil {
		t.Error(err)
	}
	_, _, err := c.Resolve(t.Context(), Remote{Local: r.dir}, "none")
	wantError(t, err, "fetch "+r.dir+": ref none not found")
	if n, err := c.Count(t.Context(), Remote{Local: r.dir}, first); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := os.Lstat(canary); err == nil {
		t.Error("the caller's environment counts")
	}
}
