package git

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

const when = testenv.FirstCommit

// plainGit runs git as a person would, with nothing of this machine's
// configuration, and returns what it prints.
func plainGit(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	out, err := testenv.RunGit(dir, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// repo is a bare repository that a server serves.
type repo struct {
	*testenv.Repository
	t   testing.TB
	dir string
}

func newRepo(t testing.TB, options ...string) *repo {
	t.Helper()
	r := testenv.NewRepository(t, options...)
	return &repo{r, t, r.Dir}
}

func (r *repo) git(args ...string) string { r.t.Helper(); return r.Git(args...) }

// content is the paths of a commit: «MODE DATA», or data alone for a plain file.
type content = map[string]string

// commit makes a commit on a branch out of files alone and returns its id. Each
// is ten seconds later than the one before.
func (r *repo) commit(branch, subject string, files content) string {
	r.t.Helper()
	return r.Commit(branch, subject, files)
}

// object writes an object without git's checks.
func (r *repo) object(kind, data string) string {
	r.t.Helper()
	return plainGit(r.t, r.dir, data, "hash-object", "-w", "--literally", "-t", kind, "--stdin")
}

// treeOf writes a tree object of entries «MODE NAME ID», in the order given.
func (r *repo) treeOf(entries ...[3]string) string {
	r.t.Helper()
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e[0] + " " + e[1] + "\x00" + unhex(e[2]))
	}
	return r.object("tree", b.String())
}

// commitOf writes a commit of a tree and points main at it.
func (r *repo) commitOf(tree string) string {
	r.t.Helper()
	id := r.object("commit", fmt.Sprintf("tree %s\nauthor A <a@example.org> %d +0000\ncommitter A <a@example.org> %d +0000\n\nx\n", tree, when, when))
	if err := os.WriteFile(filepath.Join(r.dir, "refs/heads/main"), []byte(id+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func unhex(s string) string {
	var b []byte
	fmt.Sscanf(s, "%x", &b)
	return string(b)
}

// server serves a repository over HTTP, as NAME.
type server struct {
	*testenv.GitServer
	url string

	v0    bool // speaks protocol version 0 only
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func serve(t testing.TB, r *repo) *server {
	t.Helper()
	s := &server{GitServer: testenv.ServeGit(t, r.Repository)}
	s.url = s.URL
	s.Fault = func(w http.ResponseWriter, q *http.Request) bool {
		if s.v0 {
			q.Header.Del("Git-Protocol")
		}
		return s.fault != nil && s.fault(w, q)
	}
	return s
}

func (s *server) requests() int { return len(s.Asked()) }

func newClient(t testing.TB) *Client {
	t.Helper()
	tmp := t.TempDir()
	t.Cleanup(func() {
		left, err := os.ReadDir(tmp)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	})
	return &Client{Tmp: tmp, bounds: bounds{pauses: []time.Duration{time.Millisecond}}}
}

func remote(urls ...string) Remote { return Remote{URLs: urls} }

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error\n got %v\nwant %s", err, want)
	}
}

func digestOf(t testing.TB, dir string) digest.Digest {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d, err := tree.Digest(root.FS())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// checkedOut is the digest of what plain git clones, without its .git.
func checkedOut(t testing.TB, r *repo, id string) digest.Digest {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	plainGit(t, "/", "", "clone", "-q", "--no-checkout", r.dir, dir)
	plainGit(t, dir, "", "checkout", "-q", id)
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	return digestOf(t, dir)
}

// list returns «MODE PATH CONTENT» of all in dir, in order.
func list(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		line := info.Mode().String() + " " + rel
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(b)
		case info.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " → " + to
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
