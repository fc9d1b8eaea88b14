package git

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/fetch"
)

// dead returns the URL of a port on which nobody listens.
func dead(t *testing.T) string {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// blackHole returns a port that takes no connection and says nothing.
func blackHole(t *testing.T) string {
	l, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(l) })
	if err := errors.Join(syscall.Bind(l, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(l, 0)); err != nil {
		t.Fatal(err)
	}
	name, _ := syscall.Getsockname(l)
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue never fills")
	return ""
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 40)
	a, b := dead(t), dead(t)
	hole, hole2 := blackHole(t), blackHole(t)
	for _, tc := range []struct {
		name  string
		urls  []string
		tried []string
		want  string
	}{
		{"one", []string{"http://" + a + "/x"}, []string{a}, "fetch http://" + a + "/x: connection refused (1 address tried)"},
		{"two", []string{"https://" + a + "/x", "git://" + b + "/x"}, []string{a, b}, "fetch https://" + a + "/x: connection refused (2 addresses tried)"},
		{"silent", []string{"http://" + hole + "/x", "http://" + hole2 + "/x"}, []string{hole, hole2}, "fetch http://" + hole + "/x: no route (2 addresses tried)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			for _, call := range []func() error{
				func() error {
					_, err := c.Checkout(t.Context(), remote(tc.urls...), id, Options{}, t.TempDir())
					return err
				},
				func() error { _, _, err := c.Resolve(t.Context(), remote(tc.urls...), "main"); return err },
				func() error { _, err := c.Count(t.Context(), remote(tc.urls...), id); return err },
			} {
				begun := time.Now()
				err := call()
				wantError(t, err, tc.want)
				var none *fetch.NoRouteError
				if !errors.As(err, &none) || !slices.Equal(none.Tried, tc.tried) {
					t.Errorf("%#v", none)
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("took %s", took)
				}
			}
		})
	}
	c := newClient(t)
	_, _, err := c.Resolve(t.Context(), remote("https://host.invalid/x"), "main")
	wantError(t, err, "fetch https://host.invalid/x: no route (1 address tried)")
	_, _, err = c.Resolve(t.Context(), remote("https://host.invalid/x", "https://other.invalid/x", "https://host.invalid/y"), "main")
	wantError(t, err, "fetch https://host.invalid/x: no route (2 addresses tried)")
	c.Offline = true
	_, _, err = c.Resolve(t.Context(), remote("https://host.invalid/x"), "main")
	wantError(t, err, "fetch https://host.invalid/x: offline")
}

// TestSources: each source fails in its own way, and the last one serves.
func TestSources(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	other := newRepo(t)
	other.commit("main", "x", content{"a": "another"})
	good, lacks := serve(t, r), serve(t, other)
	broken := serve(t, r)
	fault := ""
	broken.fault = func(w http.ResponseWriter, q *http.Request) bool {
		switch {
		case fault == "login":
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
		case fault == "cut" && q.Method == "POST":
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			w.Write([]byte("000dpackfile\n0011\x01PACK\x00\x00\x00\x02\x00\x00"))
			panic(http.ErrAbortHandler)
		case fault == "html":
			w.Write([]byte("<html>hello\x1b[31m</html>"))
		case fault == "endless header":
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			w.Write([]byte("ffff"))
		default:
			return false
		}
		return true
	}
	urls := []string{good.Server.URL + "/none", lacks.url, broken.url}
	tail := ":\n  " + urls[0] + ": no such repository\n  " + urls[1] + ": not there\n  " + urls[2] + ": "
	for _, tc := range []struct{ fault, why string }{
		{"login", "authentication required, or no such repository"},
		{"cut", "expected 'packfile'"},
		{"html", "has no branch and no tag"},
		{"endless header", "protocol error: bad line length 65531"},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			fault = tc.fault
			c := newClient(t)
			_, err := c.Checkout(t.Context(), remote(urls...), first, Options{}, t.TempDir())
			var all *SourcesError
			if !errors.As(err, &all) || len(all.Tries) != 3 || !strings.HasPrefix(err.Error(), "fetch "+urls[0]+": none of 3 URLs served it"+tail+tc.why) {
				t.Errorf("%v", err)
			}
			if strings.ContainsRune(err.Error(), 0x1b) {
				t.Error("a server's control character")
			}
			dir := t.TempDir()
			if _, err = c.Checkout(t.Context(), remote(append(urls, good.url)...), first, Options{}, dir); err != nil {
				t.Fatal(err)
			}
			if l := list(t, dir); !slices.Equal(l, []string{"-rw-r--r-- a old"}) {
				t.Errorf("%q", l)
			}
		})
	}
	c := newClient(t)
	gone := "http://" + dead(t) + "/x"
	_, err := c.Checkout(t.Context(), remote(append(urls[:2:2], gone)...), first, Options{}, t.TempDir())
	var missing *NotFoundError
	addr := strings.TrimSuffix(strings.TrimPrefix(gone, "http://"), "/x")
	wantError(t, err, "fetch "+urls[0]+": commit "+first[:7]+" not found:\n  "+urls[0]+": no such repository\n  "+urls[1]+": not there\n  "+gone+
		": dial tcp "+addr+": connect: connection refused")
	if !errors.As(err, &missing) || missing.ID != first {
		t.Errorf("%#v", err)
	}
}

func TestMirrors(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	s := serve(t, r)
	host := "http://" + dead(t)
	c := newClient(t)
	c.Mirrors = map[string][]string{
		host + "/":           {"http://wrong.invalid/"},
		host + "/openstack/": {host + "/mirror/", s.Server.URL},
		host + "/open":       {"http://open.invalid/"},
		"":                   {"http://wrong.invalid/"},
	}
	dir := t.TempDir()
	if _, err := c.Checkout(t.Context(), remote(host+"/openstack/repo"), first, Options{}, dir); err != nil {
		t.Fatal(err)
	}
	_, err := c.addresses(remote(host + "/openstack"))
	// A mirror's own root is no repository.
	wantError(t, err, "mirror of "+host+"/openstack/: URL "+s.Server.URL+": path: want names of A-Z a-z 0-9 . _ ~ + , = : @ % - between slashes")
	got, err := c.addresses(remote(host+"/openstack/repo", host+"/x", host+"/openstack/repo", host+"/openx/y", host+"/open/y"))
	var raw []string
	for _, a := range got {
		raw = append(raw, strings.Replace(strings.Replace(a.raw, host, "HOST", 1), s.Server.URL, "MIRROR", 1))
	}
	want := []string{"HOST/mirror/repo", "MIRROR/repo", "HOST/openstack/repo", "http://wrong.invalid/x", "HOST/x", "http://wrong.invalid/openx/y", "HOST/openx/y", "http://open.invalid/y", "HOST/open/y"}
	if err != nil || !slices.Equal(raw, want) {
		t.Errorf("%q %v", raw, err)
	}
	c.Mirrors = map[string][]string{"https://a.example": {"file:///srv"}}
	_, _, err = c.Resolve(t.Context(), remote("https://a.example/x"), "main")
	wantError(t, err, "fetch mirror of https://a.example: URL file:///srv/x: want https://, http://, git:// or ssh://")
	c.Mirrors = map[string][]string{"https://a.example": {"https://me:secret@b.example"}}
	_, _, err = c.Resolve(t.Context(), remote("https://a.example/x"), "main")
	wantError(t, err, "fetch mirror of https://a.example: URL https://…@b.example/x: user or password: not taken")
}

// TestRedirect: to another host, as git follows it; not where a redirect is to
// another protocol.
func TestRedirect(t *testing.T) {
	t.Parallel()
	r, first, _ := sample(t)
	s := serve(t, r)
	from := serve(t, r)
	to := s.Server.URL
	from.fault = func(w http.ResponseWriter, q *http.Request) bool {
		http.Redirect(w, q, to+q.URL.RequestURI(), http.StatusFound)
		return true
	}
	c := newClient(t)
	if _, err := c.Checkout(t.Context(), remote(from.url), first, Options{}, t.TempDir()); err != nil || from.requests() != 1 {
		t.Error(err, from.requests())
	}
	for there, want := range map[string]string{
		"file://" + filepath.Dir(r.dir): `Protocol "file" not supported or disabled`,
		"ftp://127.0.0.1":               `Protocol "ftp" not supported or disabled`,
		"ext::sh -c touch x":            "URL",
	} {
		to = there
		_, err := c.Checkout(t.Context(), remote(from.url), first, Options{}, t.TempDir())
		var all *SourcesError
		if !errors.As(err, &all) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
}
