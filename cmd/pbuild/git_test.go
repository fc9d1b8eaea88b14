package main

import (
	"errors"
	"fmt"
	"io"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// gitKey is where a script has its repositories.
type gitKey struct{}

// gitHost is the bare repositories in $WORK/git, and their server.
type gitHost struct {
	server  *httptest.Server
	commits int64 // made by the script
}

// scriptGitserver is «gitserver [stop]»: the repositories in $WORK/git are at
// $GIT, until it is stopped.
func scriptGitserver(ts *testscript.TestScript, neg bool, args []string) {
	r := ts.Value(gitKey{}).(*gitHost)
	switch {
	case !neg && len(args) == 0 && r.server == nil:
	case !neg && len(args) == 1 && args[0] == "stop" && r.server != nil:
		r.server.Close()
		return
	default:
		ts.Fatalf("usage: gitserver, then gitserver stop")
	}
	programs, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	r.server = httptest.NewServer(&cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(programs)), "git-http-backend"),
		Env:    gitEnv("GIT_HTTP_EXPORT_ALL=1", "GIT_PROJECT_ROOT="+ts.MkAbs("git"), "REMOTE_USER=", "REMOTE_ADDR=127.0.0.1"),
		Stderr: io.Discard,
	})
	ts.Defer(r.server.Close)
	ts.Setenv("GIT", r.server.URL)
}

// scriptCommit is «commit REPOSITORY BRANCH FOLDER SUBJECT»: the branch of
// $WORK/git/REPOSITORY, both made when absent, gets a commit of what is in the
// folder; $COMMIT is its id. Each is a minute later than the one before.
func scriptCommit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: commit REPOSITORY BRANCH FOLDER SUBJECT")
	}
	r := ts.Value(gitKey{}).(*gitHost)
	repo, ref := ts.MkAbs(filepath.Join("git", args[0])), "refs/heads/"+args[1]
	when := fmt.Sprintf("%d +0000", 1778839200+60*r.commits)
	r.commits++
	env := gitEnv("GIT_DIR="+repo, "GIT_WORK_TREE="+ts.MkAbs(args[2]), "GIT_INDEX_FILE="+filepath.Join(repo, "index"),
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_AUTHOR_DATE="+when,
		"GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.org", "GIT_COMMITTER_DATE="+when)
	git := func(args ...string) string {
		c := exec.Command("git", args...)
		c.Env = env
		out, err := c.CombinedOutput()
		if err != nil {
			ts.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if _, err := os.Stat(repo); errors.Is(err, os.ErrNotExist) {
		c := exec.Command("git", "init", "-q", "--bare", "-b", "main", repo)
		c.Env = gitEnv()
		ts.Check(c.Run())
	}
	git("add", "--all", ".")
	command := []string{"commit-tree", "-m", args[3], git("write-tree")}
	if parent := git("for-each-ref", "--format=%(objectname)", ref); parent != "" {
		command = append(command, "-p", parent)
	}
	id := git(command...)
	git("update-ref", ref, id)
	ts.Setenv("COMMIT", id)
}

// gitEnv is an environment for git without a configuration of this machine's.
func gitEnv(more ...string) []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
	}, more...)
}
