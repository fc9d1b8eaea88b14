package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	debianFields = "Origin: Debian\nLabel: Debian\nSuite: oldstable\nVersion: 12.12\nCodename: bookworm\n"
	sums         = "SHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 main/x\n"
	signed       = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
)

func candidate(base string, suites ...string) Mirror {
	return Mirror{Base: base, From: "/etc/apt/sources.list:1", Suites: suites}
}

// TestRoot: the system's apt sources are read when they are needed, and one that
// can't be read is read again.
func TestRoot(t *testing.T) {
	a := newArchive(t, map[string]string{"dists/bookworm/InRelease": signed + debianFields + sums, "pool/a.deb": "a", "pool/b.deb": "b"})
	s := newStore(t)
	root := t.TempDir()
	list := filepath.Join(root, "etc/apt/sources.list.d")
	if err := errors.Join(os.MkdirAll(filepath.Dir(list), 0o755), os.WriteFile(list, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	c, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Root: root})
	wantError(t, c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil), "fetch /etc/apt/sources.list.d: not a directory")
	if err := errors.Join(os.Remove(list), os.Mkdir(list, 0o755), os.WriteFile(list+"/a.list", []byte("deb "+a.base()+" bookworm main\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if err := c.All(t.Context(), []File{file("pool/"+name+".deb", name)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, s, "a", "b")
	if n := a.count("dists/bookworm/InRelease"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestCandidatesAreChecked(t *testing.T) {
	files := func(release map[string]string) map[string]string {
		release["pool/a.deb"], release["pool/b.deb"] = "a", "b"
		return release
	}
	inRelease := newArchive(t, files(map[string]string{"dists/bookworm/InRelease": signed + debianFields + sums}))
	release := newArchive(t, files(map[string]string{"dists/bookworm/Release": debianFields + sums}))
	byAlias := newArchive(t, files(map[string]string{"dists/oldstable/InRelease": signed + debianFields + sums}))
	for _, tc := range []struct {
		name  string
		a     *archive
		m     Mirror
		asked []string
		why   string // "": it is right
	}{
		{"InRelease", inRelease, candidate(inRelease.base(), "bookworm"), []string{"dists/bookworm/InRelease"}, ""},
		{"Release", release, candidate(release.base(), "bookworm"), []string{"dists/bookworm/InRelease", "dists/bookworm/Release"}, ""},
		{"alias of the host, codename of the mirror", inRelease, candidate(inRelease.base(), "stable"), []string{"dists/bookworm/InRelease"}, ""},
		{"alias of the mirror", byAlias, candidate(byAlias.base(), "oldstable"), []string{"dists/bookworm/InRelease", "dists/bookworm/Release", "dists/oldstable/InRelease"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.a.mu.Lock()
			clear(tc.a.asked)
			tc.a.mu.Unlock()
			s := newStore(t)
			c, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Host: []Mirror{tc.m}})
			for _, name := range []string{"a", "b"} { // the second call asks about the mirror no more
				if err := c.All(t.Context(), []File{file("pool/"+name+".deb", name)}, nil); err != nil {
					t.Fatal(err)
				}
			}
			holds(t, s, "a", "b")
			if n := tc.a.requests(); n != len(tc.asked)+2 {
				t.Errorf("asked for %v", tc.a.requestURIs())
			}
			for _, p := range tc.asked {
				if tc.a.count(p) != 1 {
					t.Errorf("%s: asked %d times", p, tc.a.count(p))
				}
			}
		})
	}

	other := func(text string) *archive {
		return newArchive(t, files(map[string]string{"dists/bookworm/InRelease": text, "dists/bookworm/Release": debianFields}))
	}
	for _, tc := range []struct {
		name string
		a    *archive
		why  string
	}{
		{"another archive", other(strings.Replace(debianFields, "Origin: Debian", "Origin: Elsewhere", 1)), `its Release says origin "Elsewhere" and codename "bookworm": want "Debian" and "bookworm"`},
		{"another suite", other(strings.Replace(debianFields, "bookworm", "trixie", 1)), `its Release says origin "Debian" and codename "trixie": want "Debian" and "bookworm"`},
		{"security", other(strings.Replace(debianFields, "bookworm", "bookworm-security", 1)), `its Release says origin "Debian" and codename "bookworm-security": want "Debian" and "bookworm"`},
		{"a later field of the name", other("Origin: Elsewhere\n" + debianFields), `its Release says origin "Elsewhere" and codename "bookworm": want "Debian" and "bookworm"`},
		{"no fields", other("<html>login please</html>"), `its Release says origin "" and codename "": want "Debian" and "bookworm"`},
		{"endless line", other(strings.Repeat("x", 100<<10) + "\n" + debianFields), `its Release says origin "" and codename "": want "Debian" and "bookworm"`},
		{"fields too late", other(strings.Repeat("X: y\n", 10<<10) + debianFields), `its Release says origin "" and codename "": want "Debian" and "bookworm"`},
		{"nothing there", newArchive(t, nil), "404 Not Found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore(t)
			skipped := Skipped{"/etc/apt/sources.list:2", "deb-src", "type: want deb"}
			c, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Host: []Mirror{candidate(tc.a.base(), "bookworm")}, Skipped: []Skipped{skipped}})
			err := c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil)
			wantError(t, err, "fetch bookworm: no mirror: none given, and no apt source of this host is one\n"+
				"  /etc/apt/sources.list:2: deb-src: type: want deb\n"+
				"  /etc/apt/sources.list:1: "+tc.a.base()+": "+tc.why)
			var none *NoMirrorError
			if !errors.As(err, &none) {
				t.Errorf("%T", err)
			}
			holds(t, s)
		})
	}
}

func TestRightCandidatesInOrder(t *testing.T) {
	release := map[string]string{"dists/bookworm/InRelease": debianFields}
	with := func(content string) map[string]string {
		return map[string]string{"dists/bookworm/InRelease": debianFields, "pool/a.deb": content}
	}
	silent := newArchive(t, release)
	silent.fault = func(w http.ResponseWriter, r *http.Request, _ int) bool { hang()(w, r); return true }
	wrong := newArchive(t, map[string]string{"dists/bookworm/InRelease": "Origin: Elsewhere\n", "pool/a.deb": "a"})
	first, second := newArchive(t, with("b")), newArchive(t, with("a"))
	s := newStore(t)
	c, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Host: []Mirror{
		candidate(silent.base()), candidate(deadBase(t)), candidate(wrong.base()), candidate(first.base()), candidate(second.base()), candidate(first.base()),
	}})
	begun := time.Now()
	if err := c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %s: a silent candidate held up the right ones", took)
	}
	holds(t, s, "a")
	if first.count("pool/a.deb") != 1 || second.count("pool/a.deb") != 1 || wrong.count("pool/a.deb") != 0 || silent.count("pool/a.deb") != 0 {
		t.Errorf("asked for %v %v %v %v", first.requestURIs(), second.requestURIs(), wrong.requestURIs(), silent.requestURIs())
	}
}

// TestFailedChoiceIsMadeAnew: a candidate that was away for one call is asked
// again by the next.
func TestFailedChoiceIsMadeAnew(t *testing.T) {
	a := newArchive(t, map[string]string{"dists/bookworm/InRelease": debianFields, "pool/a.deb": "a"})
	a.fault = func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n <= 2 {
			w.WriteHeader(503)
			return true
		}
		return false
	}
	s := newStore(t)
	c, _ := clientOf(t, s, Mirrors{Suite: "bookworm", Host: []Mirror{candidate(a.base())}})
	wantError(t, c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil),
		"fetch bookworm: no mirror: none given, and no apt source of this host is one\n  /etc/apt/sources.list:1: "+a.base()+": 503 Service Unavailable")
	a.mu.Lock()
	a.asked["pool/a.deb"] = 2
	a.mu.Unlock()
	if err := c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "a")
}

func TestGivenMirrorsAreTakenAsTheyAre(t *testing.T) {
	a := newArchive(t, map[string]string{"pool/a.deb": "a"})
	host := newArchive(t, map[string]string{"dists/bookworm/InRelease": debianFields, "pool/b.deb": "b"})
	s := newStore(t)
	c, _ := newClient(t, s, a.base(), a.base()+"/")
	c.mirrors.Host = []Mirror{candidate(host.base())}
	wantError(t, c.All(t.Context(), []File{file("pool/a.deb", "a"), file("pool/b.deb", "b")}, nil),
		fmt.Sprintf("fetch 1 file: gone from every mirror:\n  pool/b.deb (b): %s: 404 Not Found", a.base()))
	holds(t, s, "a")
	if host.requests() != 0 {
		t.Errorf("a host's mirror was asked for %v", host.requestURIs())
	}
	if got := a.requestURIs(); len(got) != 2 || a.count("pool/a.deb") != 1 || a.count("pool/b.deb") != 1 {
		t.Errorf("asked for %v", got)
	}
}

func TestNoMirrorAtAll(t *testing.T) {
	c, _ := clientOf(t, newStore(t), Mirrors{Suite: "bookworm"})
	wantError(t, c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil),
		"fetch bookworm: no mirror: none given, and no apt source of this host is one")
}

func TestNoRouteToAnyCandidate(t *testing.T) {
	one, two := deadBase(t), deadBase(t)
	c, _ := clientOf(t, newStore(t), Mirrors{Suite: "bookworm", Host: []Mirror{candidate(one, "bookworm"), candidate(two, "bookworm")}})
	wantError(t, c.All(t.Context(), []File{file("pool/a.deb", "a")}, nil),
		"fetch "+one+"/dists/bookworm/InRelease: connection refused (2 addresses tried)")
}
