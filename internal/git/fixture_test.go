package git

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

const when = 1234567890 // of the first commit of each repository

// plainGit runs git as a person would, with nothing of this machine's
// configuration, and returns what it prints.
func plainGit(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	out, err := tryGit(t, dir, stdin, args...)
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return out
}

func tryGit(t testing.TB, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:http",
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err != nil {
		return said.String(), err
	}
	return strings.TrimSpace(out.String()), nil
}

// repo is a bare repository that a server serves.
type repo struct {
	t   testing.TB
	dir string
	n   int64 // commits
}

func newRepo(t testing.TB, options ...string) *repo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repo.git")
	plainGit(t, "/", "", append(append([]string{"init", "-q", "--bare", "-b", "main"}, options...), dir)...)
	return &repo{t: t, dir: dir}
}

func (r *repo) git(args ...string) string { r.t.Helper(); return plainGit(r.t, r.dir, "", args...) }

// content is the paths of a commit: «MODE DATA», or data alone for a plain file.
type content = map[string]string

// commit makes a commit on a branch out of files alone and returns its id. Each
// is ten seconds later than the one before.
func (r *repo) commit(branch, subject string, files content) string {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter A <a@example.org> %d +0100\ndata %d\n%s\n", branch, when+10*r.n, len(subject), subject)
	r.n++
	if out, err := tryGit(r.t, r.dir, "", "rev-parse", "--verify", "-q", "refs/heads/"+branch); err == nil {
		fmt.Fprintf(&b, "from %s\n", out)
	}
	b.WriteString("deleteall\n")
	for _, path := range slices.Sorted(maps.Keys(files)) {
		mode, data := modeFile, files[path]
		if len(data) > 7 && kindOfMode[data[:6]] != "" && data[6] == ' ' {
			mode, data = data[:6], data[7:]
		}
		if mode == modeGitlink {
			fmt.Fprintf(&b, "M %s %s %s\n", mode, data, path)
			continue
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, path, len(data), data)
	}
	plainGit(r.t, r.dir, b.String(), "fast-import", "--quiet", "--force")
	return r.git("rev-parse", "refs/heads/"+branch)
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
	*httptest.Server
	url string

	mu    sync.Mutex // guards asked
	asked []string   // method and path

	backend http.Handler

	v0    bool // speaks protocol version 0 only
	fault func(w http.ResponseWriter, r *http.Request) bool
}

func serve(t testing.TB, r *repo) *server {
	t.Helper()
	path := plainGit(t, "/", "", "--exec-path")
	s := &server{}
	s.backend = &cgi.Handler{
		Path: filepath.Join(path, "git-http-backend"), Root: "/repo", Logger: nil,
		Env: []string{
			"GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=/nonexistent",
			"GIT_PROJECT_ROOT=" + r.dir, "PATH=" + os.Getenv("PATH"), "REMOTE_USER=", "REMOTE_ADDR=127.0.0.1",
		},
		Stderr: &bytes.Buffer{},
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, q.Method+" "+q.URL.Path)
		s.mu.Unlock()
		if s.fault != nil && s.fault(w, q) {
			return
		}
		if s.v0 {
			q.Header.Del("Git-Protocol")
		}
		if !strings.HasPrefix(q.URL.Path, "/repo/") {
			http.NotFound(w, q)
			return
		}
		s.backend.ServeHTTP(w, q)
	}))
	t.Cleanup(s.Server.Close)
	s.url = s.Server.URL + "/repo"
	return s
}

func (s *server) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

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
