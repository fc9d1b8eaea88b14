package git

import (
	"bufio"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program puts a shell script into a directory that is all of PATH but for what
// it runs.
func program(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGitItself(t *testing.T) {
	id := strings.Repeat("a", 40)
	for text, want := range map[string]string{
		"git version 2.30.2":                    "git 2.30.2 is too old: want 2.39",
		"git version 1.99.0 (Apple Git-1)":      "git 1.99.0 is too old: want 2.39",
		"git version 2.38.99.windows.1":         "git 2.38.99.windows.1 is too old: want 2.39",
		"hello":                                 `git: version: can't read "hello"`,
		"git version 2.39.0":                    "fetch /nowhere: git version 2.39.0",
		"git version 2.100.1.123.gabcdef-dirty": "fetch /nowhere: git version 2.100.1.123.gabcdef-dirty",
	} {
		t.Setenv("PATH", program(t, "git", "echo '"+text+"'; [ \"$2\" = version ] || [ \"$2\" = init ] || { echo 'fatal: "+text+"' >&2; exit 1; }"))
		c := newClient(t)
		c.bounds.pauses = []time.Duration{}
		_, err := c.Checkout(t.Context(), Remote{Local: "/nowhere"}, id, Options{}, t.TempDir())
		wantError(t, err, want)
	}
	t.Setenv("PATH", t.TempDir())
	_, err := newClient(t).Checkout(t.Context(), Remote{Local: "/nowhere"}, id, Options{}, t.TempDir())
	wantError(t, err, "git: not found in PATH")
}

// TestSSH: ssh is asked for nothing but git-upload-pack, and asks nobody.
func TestSSH(t *testing.T) {
	r, first, _ := sample(t)
	told := filepath.Join(t.TempDir(), "told")
	path := os.Getenv("PATH")
	t.Setenv("PATH", program(t, "ssh", `printf '%s\n' "$@" > `+told+`; for last; do :; done; eval "$last"`)+":"+path)
	c := newClient(t)
	u := "ssh://git@host.example:29418" + r.dir
	if _, err := c.Checkout(t.Context(), remote(u), first, Options{}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(told)
	want := "-oBatchMode=yes\n-oConnectTimeout=4\n-oClearAllForwardings=yes\n-oForwardAgent=no\n-oForwardX11=no\n-oPermitLocalCommand=no\n" +
		"-o\nSendEnv=GIT_PROTOCOL\n-p\n29418\ngit@host.example\ngit-upload-pack '" + r.dir + "'\n"
	if err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	for said, want := range map[string]string{
		"me@h: Permission denied (publickey).":                           u + ": authentication required: ssh: permission denied",
		"Host key verification failed.":                                  u + ": ssh does not know the host's key",
		"ssh: connect to host host.example port 29418: No route to host": u + ": no route (1 address tried)",
	} {
		t.Setenv("PATH", program(t, "ssh", "echo '"+said+"' >&2; exit 255")+":"+path)
		_, err := newClient(t).Checkout(t.Context(), remote(u), first, Options{}, t.TempDir())
		wantError(t, err, "fetch "+want)
	}
}

// TestDaemon: git's own protocol.
func TestDaemon(t *testing.T) {
	t.Parallel()
	r, first, second := sample(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	d := exec.Command("git", "daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1", "--port="+port, "--base-path="+filepath.Dir(r.dir), "--verbose", "--log-destination=stderr")
	d.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1"}
	said, err := d.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to rumble") {
				close(ready)
			}
		}
	}()
	t.Cleanup(func() {
		syscall.Kill(-d.Process.Pid, syscall.SIGKILL)
		<-read
		d.Wait()
	})
	<-ready
	c := newClient(t)
	dir := t.TempDir()
	if _, err := c.Checkout(t.Context(), remote("git://"+addr+"/repo.git"), first, Options{}, dir); err != nil {
		t.Error(err)
	}
	if id, _, err := c.Resolve(t.Context(), remote("git://"+addr+"/repo.git"), "main"); id != second || err != nil {
		t.Error(id, err)
	}
	_, err = c.Checkout(t.Context(), remote("git://"+addr+"/none"), first, Options{}, t.TempDir())
	wantError(t, err, "fetch git://"+addr+"/none: commit "+first[:7]+" not found:\n  git://"+addr+"/none: no such repository")
}

// TestTLS: with the certificate that SSL_CERT_FILE names and not without; and
// nothing leads from there to a server without one.
func TestTLS(t *testing.T) {
	r, first, _ := sample(t)
	plain := serve(t, r)
	to, err := url.Parse(plain.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.HasPrefix(q.URL.Path, "/moved/") {
			http.Redirect(w, q, plain.url+strings.TrimPrefix(q.URL.RequestURI(), "/moved"), http.StatusFound)
			return
		}
		proxy.ServeHTTP(w, q)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t)
	var all *SourcesError
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", "")
	_, err = c.Checkout(t.Context(), remote(s.URL+"/repo"), first, Options{}, t.TempDir())
	if !errors.As(err, &all) || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	t.Setenv("SSL_CERT_FILE", ca)
	if _, err := c.Checkout(t.Context(), remote(s.URL+"/repo"), first, Options{}, t.TempDir()); err != nil {
		t.Error(err)
	}
	before := plain.requests()
	_, err = c.Checkout(t.Context(), remote(s.URL+"/moved"), first, Options{}, t.TempDir())
	if !errors.As(err, &all) || !strings.Contains(err.Error(), `Protocol "http" not supported or disabled`) || plain.requests() != before {
		t.Errorf("%v, %d requests", err, plain.requests()-before)
	}
}

// TestProxy: what the environment names is used, and nothing is connected to
// beforehand.
func TestProxy(t *testing.T) {
	r, first, _ := sample(t)
	s := serve(t, r)
	to, err := url.Parse(s.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	forward := httputil.NewSingleHostReverseProxy(to)
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked = append(asked, q.RequestURI)
		forward.ServeHTTP(w, q)
	}))
	t.Cleanup(p.Close)
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		t.Setenv(name, "")
	}
	t.Setenv("HTTP_PROXY", p.URL)
	c := newClient(t)
	if _, err := c.Checkout(t.Context(), remote("http://host.invalid/repo"), first, Options{}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || asked[0] != "http://host.invalid/repo/info/refs?service=git-upload-pack" {
		t.Errorf("%q", asked)
	}
	p.Close()
	_, err = c.Checkout(t.Context(), remote("http://host.invalid/repo"), first, Options{}, t.TempDir())
	wantError(t, err, "fetch http://host.invalid/repo: no route (1 address tried)")
}
