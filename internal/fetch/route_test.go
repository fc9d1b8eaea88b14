package fetch

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// taken binds a port on loopback for the time of the test. Nobody listens, so
// that each connection is refused.
func taken(t *testing.T) (fd int, addr string) {
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
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// deadBase returns a mirror that refuses connections.
func deadBase(t *testing.T) string {
	_, addr := taken(t)
	return "http://" + addr + "/debian"
}

// blackHole returns an address that takes no connection and says nothing: a
// listener whose queue is full, so that the kernel drops each new SYN.
func blackHole(t *testing.T) string {
	fd, addr := taken(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr // full
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue never fills")
	return ""
}

func TestRefused(t *testing.T) {
	dead, dead2 := deadBase(t), deadBase(t)
	addr := func(base string) string {
		return strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/debian")
	}
	for _, tc := range []struct {
		name  string
		bases []string
		tried []string
		want  string
	}{
		{"one", []string{dead}, []string{addr(dead)}, "fetch " + dead + "/pool/0.deb: connection refused (1 address tried)"},
		{"two", []string{dead, dead2}, []string{addr(dead), addr(dead2)}, "fetch " + dead + "/pool/0.deb: connection refused (2 addresses tried)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore(t)
			c, k := newClient(t, s, tc.bases...)
			err := c.All(t.Context(), []File{file("pool/0.deb", "x")}, nil)
			wantError(t, err, tc.want)
			var none *NoRouteError
			if !errors.As(err, &none) || !none.Refused || !slices.Equal(none.Tried, tc.tried) || !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%#v", none)
			}
			if len(k.slept) != 0 {
				t.Errorf("slept %v", k.slept)
			}
			holds(t, s)
		})
	}
}

// TestNoRouteIsSaidInFiveSeconds: mirrors that swallow each connection, and
// more files than are fetched at once.
func TestNoRouteIsSaidInFiveSeconds(t *testing.T) {
	t.Parallel()
	var list []File
	for i := range 20 {
		list = append(list, file(fmt.Sprintf("pool/%d.deb", i), fmt.Sprint(i)))
	}
	for n := range 3 {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			t.Parallel()
			var bases []string
			for range n + 1 {
				bases = append(bases, "http://"+blackHole(t)+"/debian")
			}
			c, _ := newClient(t, newStore(t), bases...)
			begun := time.Now()
			err := c.All(t.Context(), list, nil)
			took := time.Since(begun)
			var none *NoRouteError
			if !errors.As(err, &none) || none.Refused || len(none.Tried) != len(bases) || !strings.HasPrefix(none.URL, bases[0]) ||
				!strings.Contains(err.Error(), ".deb: no route (") {
				t.Errorf("%v", err)
			}
			if took > 5*time.Second {
				t.Errorf("took %s", took)
			}
			if least := min(dialTimeout, routeTimeout/time.Duration(n+1)); took < least {
				t.Errorf("took %s: a slow network has at least %s", took, least)
			}
		})
	}
}

// TestRefusedByEachAddress: a name may have several addresses, and what the
// dialer says of them is what the first one said.
func TestRefusedByEachAddress(t *testing.T) {
	_, addr := taken(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := net.DefaultResolver.LookupHost(t.Context(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	all := true // unless ::1 stands in the hosts file of a machine without it
	for _, a := range addresses {
		_, err := net.Dial("tcp", net.JoinHostPort(a, port))
		all = all && errors.Is(err, syscall.ECONNREFUSED)
	}
	c, _ := newClient(t, newStore(t), "http://localhost:"+port+"/debian")
	err = c.All(t.Context(), []File{file("pool/0.deb", "x")}, nil)
	var none *NoRouteError
	if !errors.As(err, &none) || none.Refused != all || len(none.Tried) != len(addresses) {
		t.Errorf("%#v; the addresses are %q, all refuse: %v", none, addresses, all)
	}
}

// TestOneRefusalIsNotAll: one address refuses and another one is silent.
func TestOneRefusalIsNotAll(t *testing.T) {
	t.Parallel()
	dead, hole := deadBase(t), "http://"+blackHole(t)+"/debian"
	for _, bases := range [][]string{{dead, hole}, {hole, dead}} {
		t.Run(bases[0], func(t *testing.T) {
			t.Parallel()
			c, _ := newClient(t, newStore(t), bases...)
			err := c.All(t.Context(), []File{file("pool/0.deb", "x")}, nil)
			wantError(t, err, "fetch "+bases[0]+"/pool/0.deb: no route (2 addresses tried)")
		})
	}
}

func TestDeadMirrorCostsOneTry(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("pool/%d.deb", i)] = text(fmt.Sprint(i), 100)
	}
	good := newArchive(t, files)
	s := newStore(t)
	c, _ := newClient(t, s, "http://"+blackHole(t)+"/debian", good.base())
	begun := time.Now()
	if err := c.All(t.Context(), filesOf(files), nil); err != nil {
		t.Fatal(err)
	}
	// What no mirror has is looked for on each, but at a dead one only in memory.
	var none []File
	for i := range 3 * parallel {
		none = append(none, file(fmt.Sprintf("pool/none%d.deb", i), fmt.Sprint("none", i)))
	}
	var missing *MissingError
	if err := c.All(t.Context(), none, nil); !errors.As(err, &missing) || len(missing.Files) != len(none) {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > dialTimeout+time.Second {
		t.Errorf("took %s", took)
	}
	if good.requests() != len(files)+len(none) {
		t.Errorf("%d requests", good.requests())
	}
}

// TestProxyOfTheEnvironment runs itself in a process whose environment names a
// proxy: net/http reads those variables once a process.
func TestProxyOfTheEnvironment(t *testing.T) {
	const ours = "http://mirror.invalid/debian"
	if os.Getenv("PBUILD_TEST_PROXY") != "" {
		s := newStore(t)
		c, _ := newClient(t, s, ours)
		if err := c.All(t.Context(), []File{file("pool/a.deb", content)}, nil); err != nil {
			t.Fatal(err)
		}
		holds(t, s, content)
		return
	}
	var got []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.RequestURI)
		w.Write([]byte(content))
	}))
	defer proxy.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxyOfTheEnvironment$")
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasSuffix(strings.ToLower(name), "_proxy") && name != "REQUEST_METHOD" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "PBUILD_TEST_PROXY=1", "http_proxy="+proxy.URL)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := []string{ours + "/pool/a.deb"}; !slices.Equal(got, want) {
		t.Errorf("the proxy was asked for %q, want %q", got, want)
	}
}

func TestNameWithoutAddress(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, newStore(t), "http://mirror.invalid/debian")
	begun := time.Now()
	err := c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil)
	var none *NoRouteError
	if !errors.As(err, &none) || len(none.Tried) != 0 || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(begun))
	}
	const want = "fetch http://mirror.invalid/debian/pool/a.deb: no route (dial tcp: lookup mirror.invalid"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s…", err, want)
	}
}
