package testenv

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Archive is a Debian mirror on loopback, which a test can fill and make fail.
type Archive struct {
	// Fault, when not nil, answers a request for a path below the mirror and
	// returns true, or returns false for the right answer. It is set before
	// the first request.
	Fault func(w http.ResponseWriter, r *http.Request, path string) bool

	server *httptest.Server

	mu    sync.Mutex // guards all below
	files map[string][]byte
	asked map[string]int
}

// NewArchive starts a mirror that holds these packages, as they are in the
// committed locks. It takes them from the shared store, and that from the
// mirrors. It ends with the test.
func NewArchive(t testing.TB, packages ...recipe.Package) *Archive {
	t.Helper()
	a := &Archive{files: map[string][]byte{}, asked: map[string]int{}}
	if err := a.addLocked(t, packages); err != nil {
		t.Fatal(err)
	}
	a.server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

// Fetched returns a file of the mirrors, given as a line of a lock has it. It
// comes from the shared store, which fetches it once.
func Fetched(t testing.TB, p recipe.Package) []byte {
	t.Helper()
	a := &Archive{files: map[string][]byte{}}
	if err := a.addLocked(t, []recipe.Package{p}); err != nil {
		t.Fatal(err)
	}
	return a.files[p.Path]
}

func (a *Archive) addLocked(t testing.TB, packages []recipe.Package) error {
	p, err := findPlace()
	if err != nil {
		return err
	}
	s, err := openShared(p)
	if err != nil {
		return err
	}
	defer s.close()
	var files []fetch.File
	for _, p := range packages {
		files = append(files, fetch.File{Path: p.Path, Package: p.Name, Want: p.SHA256, Size: p.Size})
	}
	if err := s.client.All(t.Context(), files, nil); err != nil {
		return err
	}
	for _, p := range packages {
		// Held in memory: what else uses the shared store may drop it.
		if a.files[p.Path], err = os.ReadFile(s.BlobPath(p.SHA256)); err != nil {
			return err
		}
	}
	return nil
}

// Add puts a file at a path below the mirror's root and returns its digest.
func (a *Archive) Add(path string, body []byte) digest.Digest {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[path] = body
	return digest.Of(body)
}

// AddPackage puts a .deb into the pool and returns its line of a lock.
func (a *Archive) AddPackage(name, version, arch string, body []byte) recipe.Package {
	path := "pool/main/" + name[:1] + "/" + name + "/" + name + "_" + version + "_" + arch + ".deb"
	return recipe.Package{
		Name: name, Version: version, Arch: arch, SHA256: a.Add(path, body), Size: int64(len(body)), Path: path,
	}
}

// Mirrors names this mirror and no other.
func (a *Archive) Mirrors() fetch.Mirrors {
	return fetch.Mirrors{Suite: Suite, Given: []fetch.Mirror{{Base: a.Base()}}}
}

// Base is the mirror's URL.
func (a *Archive) Base() string { return a.server.URL + "/debian" }

// Asked returns how many requests came for a path.
func (a *Archive) Asked(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[path]
}

// ServeHTTP serves the mirror.
func (a *Archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/debian/")
	a.mu.Lock()
	a.asked[path]++
	body, ok := a.files[path]
	a.mu.Unlock()
	switch {
	case a.Fault != nil && a.Fault(w, r, path):
	case !ok:
		http.NotFound(w, r)
	default:
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}

// LockedPackages returns those packages of a committed builder that have one of
// the names, all without names, in the lock's order.
func LockedPackages(t testing.TB, builder string, names ...string) []recipe.Package {
	t.Helper()
	f, err := os.Open(Recipes(t) + "/builders/" + builder + ".packages")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := recipe.ParsePackages(f)
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var out []recipe.Package
	for _, p := range all {
		if wanted[p.Name] || len(names) == 0 {
			out = append(out, p)
			delete(wanted, p.Name)
		}
	}
	for name := range wanted {
		t.Fatalf("builder %s: no package %s", builder, name)
	}
	return out
}
