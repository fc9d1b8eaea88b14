package git

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// partial makes a bare clone of r with commits and trees, but without files.
func partial(t *testing.T, r *repo, name string) string {
	t.Helper()
	r.git("config", "uploadpack.allowFilter", "true")
	dir := filepath.Join(t.TempDir(), name)
	plainGit(t, "/", "", "clone", "-q", "--bare", "--filter=blob:none", "file://"+r.dir, dir)
	return dir
}

// TestPartialClone: of a clone without files commits can be counted, listed and
// resolved, with its origin gone; its files are an error that says so. The clone stays
// what it is.
func TestPartialClone(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	clone := partial(t, r, "clone.git")
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	before := list(t, clone)
	c := newClient(t)
	from := Remote{Local: clone}
	for id, want := range map[string]int{first: 1, second: 2} {
		if n, err := c.Count(t.Context(), from, id); n != want || err != nil {
			t.Errorf("%s: %d %v, want %d", id, n, err, want)
		}
	}
	if got, err := c.Between(t.Context(), from, first, second); len(got) != 1 || err != nil {
		t.Errorf("between: %v %v", got, err)
	}
	if got, kind, err := c.Resolve(t.Context(), from, "main"); got != second || kind != Branch || err != nil {
		t.Errorf("main: %s %q %v", got, kind, err)
	}
	dir := t.TempDir()
	_, err := c.Checkout(t.Context(), from, second, Options{}, dir)
	wantError(t, err, "fetch "+clone+": lacks objects, or is damaged")
	var all *SourcesError
	if !errors.As(err, &all) || len(all.Tries) != 1 {
		t.Errorf("%#v", err)
	}
	if l := list(t, dir); len(l) > 0 {
		t.Errorf("left %q", l)
	}
	if after := list(t, clone); !slices.Equal(before, after) {
		t.Errorf("the clone was %q\nand is %q", before, after)
	}
}

// TestPartialCloneThenServer: what the clone at hand lacks, the server has.
func TestPartialCloneThenServer(t *testing.T) {
	t.Parallel()
	r, _, second := sample(t)
	s := serve(t, r)
	dir := t.TempDir()
	if _, err := newClient(t).Checkout(t.Context(), Remote{Local: partial(t, r, "clone.git"), URLs: []string{s.url}}, second, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	if got, want := digestOf(t, dir), checkedOut(t, r, second); got != want || s.requests() == 0 {
		t.Errorf("digest %s, of a clone %s; %d requests", got, want, s.requests())
	}
}

// TestLocalPaths: a repository at hand may have any path, in a URL or as it is.
func TestLocalPaths(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	for _, name := range []string{"with blanks", "50%", "%41%2F", "a?b#c", "ü«»", "host:path", "-rf", `back\slash "quoted"`, "a+b&c=d", "x@y", "new\nline"} {
		t.Run(name, func(t *testing.T) {
			clone := partial(t, r, name)
			whole := filepath.Join(t.TempDir(), name)
			plainGit(t, "/", "", "clone", "-q", "--bare", r.dir, whole)
			c := newClient(t)
			if n, err := c.Count(t.Context(), Remote{Local: clone}, second); n != 2 || err != nil {
				t.Errorf("counted: %d %v", n, err)
			}
			if got, _, err := c.Resolve(t.Context(), Remote{Local: whole}, first); got != first || err != nil {
				t.Errorf("resolved: %s %v", got, err)
			}
			dir := t.TempDir()
			if _, err := c.Checkout(t.Context(), Remote{Local: whole}, second, Options{}, dir); err != nil {
				t.Fatal(err)
			}
			if got, want := digestOf(t, dir), checkedOut(t, r, second); got != want {
				t.Errorf("digest %s, of a clone %s", got, want)
			}
		})
	}
	// Another path whose escaped form this is is not asked.
	dir := filepath.Join(t.TempDir(), "A")
	plainGit(t, "/", "", "clone", "-q", "--bare", r.dir, dir)
	_, _, err := newClient(t).Resolve(t.Context(), Remote{Local: filepath.Join(filepath.Dir(dir), "%41")}, "main")
	wantError(t, err, "fetch "+filepath.Dir(dir)+"/%41: ref main not found:\n  "+filepath.Dir(dir)+"/%41: no such repository")
	if got, _, err := newClient(t).Resolve(t.Context(), Remote{Local: "file://" + filepath.Dir(dir) + "/%41"}, "main"); got != second || err != nil {
		t.Errorf("as a URL: %s %v", got, err)
	}
}

// TestKinds: what a ref is, of a name and of a whole one; HEAD, a commit and refs of
// others are neither branch nor tag.
func TestKinds(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	r.git("tag", "light", first)
	plainGit(t, r.dir, "", "-c", "user.name=A", "-c", "user.email=a@example.org", "tag", "-a", "-m", "x", "v1", first)
	r.git("branch", "same", first)
	r.git("tag", "same", first)
	r.git("update-ref", "refs/changes/12/34/1", first)
	s := serve(t, r)
	for _, from := range []Remote{{Local: r.dir}, remote(s.url)} {
		for ref, want := range map[string]Kind{
			"main": Branch, "refs/heads/main": Branch, "light": Tag, "v1": Tag, "refs/tags/v1": Tag,
			"same": Branch, "refs/tags/same": Tag, "HEAD": "", "refs/changes/12/34/1": "", second: "",
		} {
			if id, kind, err := newClient(t).Resolve(t.Context(), from, ref); kind != want || id == "" || err != nil {
				t.Errorf("%s: %q %s %v, want %q", ref, kind, id, err, want)
			}
		}
		if id, kind, err := newClient(t).Resolve(t.Context(), from, "none"); id != "" || kind != "" || err == nil {
			t.Errorf("none: %q %q %v", id, kind, err)
		}
	}
}
