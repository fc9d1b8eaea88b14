package builder_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// smallPackages are the fewest packages of debian-12-base that dpkg can
// configure, and debconf.
var smallPackages = strings.Fields(`
	base-files base-passwd coreutils dash debconf debianutils diffutils dpkg findutils gcc-12-base grep gzip
	libacl1 libattr1 libbz2-1.0 libc-bin libc6 libcrypt1 libdebconfclient0 libgcc-s1 libgmp10 liblzma5 libmd0
	libpcre2-8-0 libselinux1 libzstd1 mawk perl-base sed tar usr-is-merged zlib1g`)

// releaseDate is that of all made-up locks.
var releaseDate = time.Date(2026, 7, 11, 10, 16, 37, 0, time.UTC)

// bench is what a Maker needs: a store, a mirror and a collection that a test
// writes.
type bench struct {
	t       *testing.T
	store   *store.Store
	archive *testenv.Archive
	files   fstest.MapFS
	client  *fetch.Client

	mu     sync.Mutex // guards events
	events []event.Event
	watch  func(event.Event) // called with mu held; may be nil
}

func newBench(t *testing.T, packages ...recipe.Package) *bench {
	t.Helper()
	b := &bench{t: t, archive: testenv.NewArchive(t, packages...), files: fstest.MapFS{}}
	b.open(filepath.Join(t.TempDir(), "store"))
	return b
}

// open makes dir the store.
func (b *bench) open(dir string) {
	b.t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store, b.client = s, fetch.New(s, b.archive.Mirrors())
	b.t.Cleanup(func() {
		b.client.Close()
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

// maker returns a Maker that reads the collection as it is now.
func (b *bench) maker() *builder.Maker {
	b.t.Helper()
	c, err := recipe.LoadCollection(b.files)
	if err != nil {
		b.t.Fatal(err)
	}
	return &builder.Maker{Store: b.store, Fetch: b.client, Recipes: c, Arch: testenv.Arch, Events: b.sink}
}

func (b *bench) sink(e event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	if b.watch != nil {
		b.watch(e)
	}
}

// states returns the states that the node came through, each change once.
func (b *bench) states(name string) []event.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []event.State
	for _, e := range b.events {
		if e.Node == (event.Node{Name: name, Format: builder.Format}) {
			out = append(out, e.State)
		}
	}
	return slices.Compact(out)
}

// define writes a builder whose lock has no digest yet.
func (b *bench) define(name, base string, packages ...recipe.Package) {
	b.t.Helper()
	yaml := fmt.Sprintf("format: 1\nname: %s\nsummary: A test\nsuite: %s\npackages: [%s]\n", name, testenv.Suite, packages[0].Name)
	if base != "" {
		yaml += "base: " + base + "\n"
	}
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		b.t.Fatal(err)
	}
	lock := recipe.BuilderLock{
		Suite:    testenv.Suite,
		Release:  recipe.Release{Date: releaseDate, InRelease: digest.Of([]byte("InRelease"))},
		Packages: digest.Of(list.Bytes()),
	}
	b.write(name+".yaml", []byte(yaml))
	b.write(name+".packages", list.Bytes())
	b.write(name+".lock", lock.Text())
}

func (b *bench) write(name string, body []byte) {
	b.files["builders/"+name] = &fstest.MapFile{Data: body, Mode: 0o644}
}

// locked makes the builder and writes what came out into its lock.
func (b *bench) locked(name string) *recipe.BuilderLock {
	b.t.Helper()
	lock, files, err := b.maker().Make(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(name+".lock", lock.Text())
	b.write(name+".files", files)
	return lock
}

// clean wants a store that verifies, and nothing left in the making.
func (b *bench) clean() {
	b.t.Helper()
	report, err := b.store.Verify(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range report.Problems {
		b.t.Errorf("verify: %s: %s", p.Path, p.What)
	}
	b.nothingIn("tmp")
	b.nothingIn("quarantine")
}

func (b *bench) nothingIn(dir string) {
	b.t.Helper()
	left, err := os.ReadDir(filepath.Join(b.store.Dir(), dir))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range left {
		b.t.Errorf("left in %s: %s", dir, e.Name())
	}
}

// madeUp returns a .deb of one file, /usr/share/NAME, and these control members
// besides control.
func madeUp(name, version, fields string, members map[string]string, data ...debtest.File) []byte {
	control := []debtest.File{debtest.Regular("control", fmt.Sprintf(
		"Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A Packager <packager@example.org>\nDescription: made up\n%s", name, version, fields))}
	for _, m := range []string{"preinst", "postinst", "conffiles", "triggers"} {
		if body, ok := members[m]; ok {
			f := debtest.Regular(m, body)
			if strings.HasSuffix(m, "inst") {
				f.Mode = 0o755
			}
			control = append(control, f)
		}
	}
	if data == nil {
		data = []debtest.File{debtest.Directory("./"), debtest.Directory("./usr/"), debtest.Directory("./usr/share/"),
			debtest.Regular("./usr/share/"+name, "made up\n")}
	}
	return debtest.Build(debtest.Tar(control...), debtest.Tar(data...))
}
