package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// FirstCommit is when the first commit of each Repository was made; each further
// one is ten seconds later.
const FirstCommit = 1234567890

// RunGit runs git as a person would, with nothing of this machine's
// configuration, and returns what it prints, without blanks at the ends. The
// error holds what it prints to its standard error.
func RunGit(dir, stdin string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(gitEnv(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:http")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %q: %w\n%s", args, err, &said)
	}
	return strings.TrimSpace(out.String()), nil
}

func gitEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
}

// Repository is a bare git repository of a test.
type Repository struct {
	Dir string

	t testing.TB
	n int64 // commits
}

// NewRepository makes one; options are those of git init.
func NewRepository(t testing.TB, options ...string) *Repository {
	t.Helper()
	r := &Repository{Dir: filepath.Join(t.TempDir(), "repo.git"), t: t}
	if _, err := RunGit("/", "", slices.Concat([]string{"init", "-q", "--bare", "-b", "main"}, options, []string{r.Dir})...); err != nil {
		t.Fatal(err)
	}
	return r
}

// Git runs git in the repository. The test fails when git does.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	out, err := RunGit(r.Dir, "", args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// withMode is a file of a Commit that is not a plain one: a program, a symlink
// or a submodule's commit.
var withMode = regexp.MustCompile(`(?s)^(100644|100755|120000|160000) (.*)$`)

// Commit makes a commit on a branch out of files alone, by path, and returns its
// id. A file is its data, or «MODE DATA» with a mode as git writes it.
func (r *Repository) Commit(branch, subject string, files map[string]string) string {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter A <a@example.org> %d +0100\ndata %d\n%s\n", branch, FirstCommit+10*r.n, len(subject), subject)
	r.n++
	if parent, err := RunGit(r.Dir, "", "rev-parse", "--verify", "-q", "refs/heads/"+branch); err == nil {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	b.WriteString("deleteall\n")
	for _, path := range slices.Sorted(maps.Keys(files)) {
		mode, data := "100644", files[path]
		if m := withMode.FindStringSubmatch(data); m != nil {
			mode, data = m[1], m[2]
		}
		if mode == "160000" {
			fmt.Fprintf(&b, "M %s %s %s\n", mode, data, path)
			continue
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n%s\n", mode, path, len(data), data)
	}
	if _, err := RunGit(r.Dir, b.String(), "fast-import", "--quiet", "--force"); err != nil {
		r.t.Fatal(err)
	}
	return r.Git("rev-parse", "refs/heads/"+branch)
}

// GitServer serves a Repository over HTTP, with git http-backend.
type GitServer struct {
	*httptest.Server
	URL     string // of the repository
	Backend http.Handler

	// Fault, when not nil, answers a request and returns true, or returns false for
	// the right answer to what it has made of the request. It is set before the
	// first one.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex // guards asked
	asked []string
}

// ServeGit starts a server, which ends with the test.
func ServeGit(t testing.TB, r *Repository) *GitServer {
	t.Helper()
	path, err := RunGit("/", "", "--exec-path")
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(path, "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Fatal(errors.Join(err, errors.New("want a whole git")))
	}
	s := &GitServer{Backend: &cgi.Handler{
		Path: backend, Root: "/repo",
		Env:    append(gitEnv(), "GIT_HTTP_EXPORT_ALL=1", "GIT_PROJECT_ROOT="+r.Dir, "REMOTE_USER=", "REMOTE_ADDR=127.0.0.1"),
		Stderr: io.Discard,
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Server.Close)
	s.URL = s.Server.URL + "/repo"
	return s
}

// ServeHTTP serves the repository.
func (s *GitServer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, q.Method+" "+q.URL.Path)
	s.mu.Unlock()
	switch {
	case s.Fault != nil && s.Fault(w, q):
	case !strings.HasPrefix(q.URL.Path, "/repo/"):
		http.NotFound(w, q)
	default:
		s.Backend.ServeHTTP(w, q)
	}
}

// Asked returns the requests so far: method and path.
func (s *GitServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}
