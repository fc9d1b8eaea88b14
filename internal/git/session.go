package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// oldest is the oldest git that will do: cat-file --batch-command, protocol.file
// and safe.directory as they are now.
const oldestMajor, oldestMinor = 2, 39

// session is what one call makes: a directory with an empty home, git's
// configuration, and bare repositories.
type session struct {
	client *Client
	bounds bounds
	git    string // path of the program
	dir    string
	env    []string
	repos  int
}

// begin finds git and makes a session's directory.
func (c *Client) begin(ctx context.Context) (_ *session, err error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("git: not found in PATH")
	}
	s := &session{client: c, bounds: c.bounds.orDefault(), git: path}
	if s.dir, err = os.MkdirTemp(c.Tmp, "git-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	if err := os.Mkdir(s.home(), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.config(), []byte(configuration), 0o600); err != nil {
		return nil, err
	}
	s.env = s.environment(os.Environ())
	c.mu.Lock()
	known := c.known == path
	c.mu.Unlock()
	if known {
		return s, nil
	}
	if err := s.checkVersion(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.known = path
	c.mu.Unlock()
	return s, nil
}

func (s *session) home() string   { return filepath.Join(s.dir, "home") }
func (s *session) config() string { return filepath.Join(s.dir, "config") }
func (s *session) end() error     { return os.RemoveAll(s.dir) }

var versionText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^git version ([0-9]+)\.([0-9]+)[.0-9A-Za-z-]*`)
})

func (s *session) checkVersion(ctx context.Context) error {
	text, err := s.output(ctx, "", 4<<10, "version")
	if err != nil {
		return err
	}
	m := versionText().FindStringSubmatch(string(text))
	if m == nil {
		return fmt.Errorf("git: version: can't read %q", clean(string(text), 80))
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return fmt.Errorf("%s is too old: want %d.%d", strings.Replace(m[0], " version", "", 1), oldestMajor, oldestMinor)
	}
	return nil
}

// configuration is all that git is configured by.
//
// fetch.fsck: what is ignored stands in old histories and changes neither a path
// nor a byte of a file. All else that fsck finds refuses the objects.
const configuration = `[protocol]
	allow = never
	version = 2
[transfer]
	fsckObjects = true
	unpackLimit = 1
	credentialsInUrl = die
[fetch]
	writeCommitGraph = false
	recurseSubmodules = false
[fetch "fsck"]
	badDate = ignore
	badDateOverflow = ignore
	badEmail = ignore
	badName = ignore
	badTimezone = ignore
	missingEmail = ignore
	missingNameBeforeEmail = ignore
	missingSpaceBeforeDate = ignore
	missingSpaceBeforeEmail = ignore
	multipleAuthors = ignore
	nulInCommit = ignore
	zeroPaddedDate = ignore
	zeroPaddedFilemode = ignore
[uploadpack]
	allowFilter = true
[gc]
	auto = 0
[maintenance]
	auto = false
[core]
	hooksPath = /dev/null
	attributesFile = /dev/null
	fsmonitor = false
	fsync = none
	logAllRefUpdates = false
[credential]
	helper =
[http]
	lowSpeedLimit = 1000
	lowSpeedTime = 30
	followRedirects = initial
[init]
	defaultBranch = main
	templateDir =
[submodule]
	recurse = false
[safe]
	directory = *
`

// environment returns what git gets of the caller's environment, and what is set
// instead of the rest.
func (s *session) environment(caller []string) []string {
	had := map[string]string{}
	for _, v := range caller {
		name, value, _ := strings.Cut(v, "=")
		had[name] = value
	}
	env := []string{
		"HOME=" + s.home(),
		"XDG_CONFIG_HOME=" + s.home(),
		"LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + s.config(),
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_NO_LAZY_FETCH=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_PROGRESS_DELAY=0",
		"GIT_ALLOC_LIMIT=1g", // of one piece of memory
		"GIT_SSH_VARIANT=ssh",
		"GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=4 -oClearAllForwardings=yes -oForwardAgent=no -oForwardX11=no -oPermitLocalCommand=no",
	}
	for _, name := range []string{"PATH", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		if v := had[name]; v != "" {
			env = append(env, name+"="+v)
		}
	}
	// net/http heeds these and git does not: both are to reach the same servers.
	if v := had["HTTP_PROXY"]; v != "" && had["http_proxy"] == "" {
		env = append(env, "http_proxy="+v)
	}
	if v := had["SSL_CERT_FILE"]; v != "" {
		env = append(env, "GIT_SSL_CAINFO="+v)
	}
	if v := had["SSL_CERT_DIR"]; v != "" {
		env = append(env, "GIT_SSL_CAPATH="+v)
	}
	return env
}

// newRepo makes an empty bare repository for ids of the given length.
func (s *session) newRepo(ctx context.Context, idLength int) (string, error) {
	s.repos++
	repo := filepath.Join(s.dir, strconv.Itoa(s.repos)+".git")
	format := "sha1"
	if idLength == 64 {
		format = "sha256"
	}
	_, err := s.output(ctx, "", 4<<10, "init", "--quiet", "--bare", "--template=", "--object-format="+format, "--", repo)
	return repo, err
}
