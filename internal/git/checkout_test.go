package git

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
)

// sample holds all that a tree may hold.
func sample(t testing.TB, options ...string) (r *repo, first, second string) {
	r = newRepo(t, options...)
	first = r.commit("main", "first", content{"a": "old"})
	second = r.commit("main", "second", content{
		"a":                                      "new",
		"bin/run":                                modeProgram + " #!/bin/sh\n",
		"bin/empty":                              modeFile + " ",
		"link":                                   modeLink + " ../outside",
		"d/e/f/long " + strings.Repeat("n", 200): "deep",
		"caf\u00e9":                              "utf-8",
		"d.x":                                    "sorts between d and d/",
		"big":                                    strings.Repeat("0123456789abcdef", 20_000),
		".gitattributes":                         "",
	})
	return r, first, second
}

func TestCheckout(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	for _, tc := range []struct {
		name     string
		v0       bool
		allow    string // uploadpack.allowAnySHA1InWant of the server
		filter   string // uploadpack.allowFilter
		requests int
	}{
		{"by id", false, "false", "false", 2},
		{"version 0, ids allowed", true, "true", "false", 3},
		// What is no tip is refused before it is asked for; then all comes.
		{"version 0, tips only", true, "false", "false", 1 + 2},
		// The same, with commits alone between.
		{"version 0, tips only, filters", true, "false", "true", 1 + 2 + 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.git("config", "uploadpack.allowAnySHA1InWant", tc.allow)
			r.git("config", "uploadpack.allowFilter", tc.filter)
			s := serve(t, r)
			s.v0 = tc.v0
			c := newClient(t)
			dir := t.TempDir()
			var said []string
			o := Options{Progress: func(text string, done, total int64) {
				if done > total && total != 0 {
					t.Errorf("%s: %d of %d", text, done, total)
				}
				said = append(said, text)
			}}
			got, err := c.Checkout(t.Context(), remote(s.url), first, o, dir)
			if err != nil || got != (Commit{first, when}) {
				t.Fatal(got, err)
			}
			if l := list(t, dir); !slices.Equal(l, []string{"-rw-r--r-- a old"}) {
				t.Errorf("%q", l)
			}
			if s.requests() != tc.requests {
				t.Errorf("%d requests, want %d: %q", s.requests(), tc.requests, s.Asked())
			}
			if !slices.Contains(said, "receiving objects") {
				t.Errorf("progress %q", said)
			}
			dir = t.TempDir()
			if got, err = c.Checkout(t.Context(), remote(s.url), second, Options{}, dir); err != nil || got != (Commit{second, when + 10}) {
				t.Fatal(got, err)
			}
			if got, want := digestOf(t, dir), checkedOut(t, r, second); got != want {
				t.Errorf("digest %s, of a clone %s\n%q", got, want, list(t, dir))
			}
			for _, name := range []string{"a", "d/e", "link"} {
				info, err := os.Lstat(filepath.Join(dir, name))
				if err != nil || !info.ModTime().Equal(time.Unix(when+10, 0)) {
					t.Errorf("%s: %v %v", name, info.ModTime(), err)
				}
			}
		})
	}
}

func TestCheckoutSHA256(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t, "--object-format=sha256")
	c, s := newClient(t), serve(t, r)
	for _, id := range []string{first, second} {
		dir := t.TempDir()
		if _, err := c.Checkout(t.Context(), remote(s.url), id, Options{}, dir); err != nil {
			t.Fatal(err)
		}
		if got, want := digestOf(t, dir), checkedOut(t, r, id); got != want {
			t.Errorf("digest %s, of a clone %s", got, want)
		}
	}
}

func TestCheckoutLocal(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	clone := filepath.Join(t.TempDir(), "my clone")
	plainGit(t, "/", "", "clone", "-q", r.dir, clone)
	shallow := filepath.Join(t.TempDir(), "shallow")
	plainGit(t, "/", "", "clone", "-q", "--depth=1", "file://"+r.dir, shallow)
	c := newClient(t)
	c.Offline = true
	for _, local := range []string{clone, "file://" + strings.ReplaceAll(clone, " ", "%20"), r.dir, shallow} {
		dir := t.TempDir()
		if _, err := c.Checkout(t.Context(), Remote{Local: local}, second, Options{}, dir); err != nil {
			t.Fatal(err)
		}
		if got, want := digestOf(t, dir), checkedOut(t, r, second); got != want {
			t.Errorf("%s: digest %s, of a clone %s", local, got, want)
		}
	}
	if n, err := c.Count(t.Context(), Remote{Local: clone}, second); n != 2 || err != nil {
		t.Error(n, err)
	}
	_, err := c.Count(t.Context(), Remote{Local: shallow}, second)
	wantError(t, err, "fetch "+shallow+": its history is cut off (a shallow clone?)")
	_, err = c.Checkout(t.Context(), Remote{Local: shallow}, first, Options{}, t.TempDir())
	wantError(t, err, "fetch "+shallow+": commit "+first[:7]+" not found")
	_, err = c.Checkout(t.Context(), Remote{Local: "relative"}, first, Options{}, t.TempDir())
	wantError(t, err, `fetch "relative": want an absolute path`)
	// The clone has it, so the server is not asked.
	c.Offline = false
	s := serve(t, r)
	if _, err := c.Checkout(t.Context(), Remote{URLs: []string{s.url}, Local: clone}, first, Options{}, t.TempDir()); err != nil || s.requests() != 0 {
		t.Error(err, s.requests())
	}
	// The shallow clone has not.
	if _, err := c.Checkout(t.Context(), Remote{URLs: []string{s.url}, Local: shallow}, first, Options{}, t.TempDir()); err != nil || s.requests() == 0 {
		t.Error(err, s.requests())
	}
}

func TestCheckoutRefuses(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	plainGit(t, r.dir, "", "-c", "user.name=A", "-c", "user.email=a@example.org", "tag", "-a", "-m", "x", "v1", first)
	tag, root := r.git("rev-parse", "refs/tags/v1"), r.git("rev-parse", first+"^{tree}")
	none := strings.Repeat("0123456789", 4)
	s := serve(t, r)
	c := newClient(t)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ id, dir, want string }{
		{none, t.TempDir(), "fetch " + s.url + ": commit 0123456 not found"},
		{tag, t.TempDir(), "fetch " + s.url + ": " + tag[:7] + " is a tag, not a commit"},
		{root, t.TempDir(), "fetch " + s.url + ": " + root[:7] + " is a tree, not a commit"},
		{first, full, "fetch " + full + ": not empty"},
		{first[:7], full, `fetch commit "` + first[:7] + `": want 40 or 64 digits of 0-9 a-f`},
		{"--upload-pack=touch x", full, `fetch commit "--upload-pack=touch x": want 40 or 64 digits of 0-9 a-f`},
		{strings.ToUpper(first), full, `fetch commit "` + strings.ToUpper(first) + `": want 40 or 64 digits of 0-9 a-f`},
	} {
		got, err := c.Checkout(t.Context(), remote(s.url), tc.id, Options{}, tc.dir)
		wantError(t, err, tc.want)
		if got != (Commit{}) {
			t.Error(got)
		}
	}
	var missing *NotFoundError
	if _, err := c.Checkout(t.Context(), remote(s.url), none, Options{}, t.TempDir()); !errors.As(err, &missing) || missing.ID != none {
		t.Errorf("%v", err)
	}
	_, err := c.Checkout(t.Context(), remote(s.url), first, Options{Limits: tree.Limits{Bytes: 2}}, t.TempDir())
	if !errors.Is(err, tree.ErrLimit) {
		t.Errorf("%v", err)
	}
	c.bounds.bytes = 100
	_, err = c.Checkout(t.Context(), remote(s.url), first, Options{}, t.TempDir())
	wantError(t, err, "fetch "+s.url+": over the limit: size: a repository of more than 100 bytes")
}

// TestCheckoutDumb: files of a repository on a plain web server.
func TestCheckoutDumb(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	r.git("update-server-info")
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(r.dir))))
	t.Cleanup(s.Close)
	c := newClient(t)
	for _, id := range []string{first, second} {
		dir := t.TempDir()
		if _, err := c.Checkout(t.Context(), remote(s.URL+"/repo.git"), id, Options{}, dir); err != nil {
			t.Fatal(err)
		}
		if got, want := digestOf(t, dir), checkedOut(t, r, id); got != want {
			t.Errorf("digest %s, of a clone %s", got, want)
		}
	}
	if n, err := c.Count(t.Context(), remote(s.URL+"/repo.git"), second); n != 2 || err != nil {
		t.Error(n, err)
	}
	if got, _, err := c.Resolve(t.Context(), remote(s.URL+"/repo.git"), "main"); got != second || err != nil {
		t.Error(got, err)
	}
}
