package builder_test

import (
	"archive/tar"
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

// bench is what a Maker needs: a store, a mirror, and a collection that the test
// writes.
type bench struct {
	t       *testing.T
	store   *store.Store
	archive *testenv.Archive
	files   fstest.MapFS
	client  *fetch.Client

	mu     sync.Mutex // guards events
	events []event.Event
	watch  func(event.Event) // sees each event; nil for nobody
}

// newBench returns a bench with an empty store and a mirror of these packages.
func newBench(t *testing.T, packages ...recipe.Package) *bench {
	t.Helper()
	b := &bench{t: t, archive: testenv.NewArchive(t, packages...), files: fstest.MapFS{}}
	b.open(filepath.Join(t.TempDir(), "store"))
	return b
}

// small is a store that holds the image of the builder «small», made once.
var small struct {
	once sync.Once
	dir  string
	made map[string][]byte // small.yaml, .packages, .lock and .files
}

// newLayerBench returns a bench with the store and the collection of small, and
// an empty mirror.
func newLayerBench(t *testing.T) *bench {
	t.Helper()
	small.once.Do(func() {
		packages := testenv.LockedPackages(t, "debian-12-base", smallPackages...)
		b := newBench(t, packages...)
		dir, err := os.MkdirTemp("", "small-") // goes with the test run
		if err != nil {
			t.Fatal(err)
		}
		small.dir = filepath.Join(dir, "store")
		b.open(small.dir)
		b.define("small", "", packages...)
		b.locked("small")
		b.clean()
		small.made = map[string][]byte{}
		for name, f := range b.files {
			small.made[name] = f.Data
		}
	})
	if small.made == nil {
		t.Fatal("small could not be made")
	}
	b := &bench{t: t, archive: testenv.NewArchive(t), files: fstest.MapFS{}}
	for name, body := range small.made {
		b.files[name] = &fstest.MapFile{Data: body, Mode: 0o644}
	}
	b.open(small.dir)
	return b
}

// open makes dir the store.
func (b *bench) open(dir string) {
	b.t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		b.t.Fatal(err)
	}
	c := fetch.New(s, b.archive.Mirrors())
	b.store, b.client = s, c
	b.t.Cleanup(func() {
		c.Close()
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
	c.Dir = "recipes"
	return &builder.Maker{Store: b.store, Fetch: b.client, Recipes: c, Arch: testenv.Arch, Events: b.sink}
}

func (b *bench) sink(e event.Event) {
	b.mu.Lock()
	b.events = append(b.events, e)
	b.mu.Unlock()
	if b.watch != nil {
		b.watch(e)
	}
}

// states returns what the node came through, each change once, and forgets.
func (b *bench) states(name string) []event.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []event.State
	for _, e := range b.events {
		if e.Node == (event.Node{Name: name, Format: builder.Format}) {
			out = append(out, e.State)
		}
	}
	b.events = nil
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

// locked makes the builder, writes what came out into its lock, and returns that.
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

// ensure wants the builder's image.
func (b *bench) ensure(name string) *builder.Image {
	b.t.Helper()
	image, err := b.maker().Ensure(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return image
}

// absent wants no image of the name.
func (b *bench) absent(name string) {
	b.t.Helper()
	if d, err := b.store.Root(name); err == nil {
		b.t.Errorf("%s is kept as %s", name, d.Digest)
	}
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
	for _, dir := range []string{"tmp", "quarantine"} {
		left, err := os.ReadDir(filepath.Join(b.store.Dir(), dir))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range left {
			b.t.Errorf("left in %s: %s", dir, e.Name())
		}
	}
}

// madeUp returns a .deb for all architectures with these control members besides
// control, and these files; without any, /usr/share/NAME.
func madeUp(name, version string, members map[string]string, data ...debtest.File) []byte {
	control := []debtest.File{debtest.Regular("./control", fmt.Sprintf(
		"Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A Packager <packager@example.org>\nDescription: made up\n", name, version))}
	for _, m := range []string{"preinst", "postinst", "conffiles", "triggers"} {
		if body, ok := members[m]; ok {
			f := debtest.File{Header: tar.Header{Name: "./" + m}, Data: body}
			if strings.HasSuffix(m, "inst") {
				f.Mode = 0o755
			}
			control = append(control, f)
		}
	}
	files := []debtest.File{debtest.Directory("./"), debtest.Directory("./usr/"), debtest.Directory("./usr/share/")}
	if data == nil {
		data = []debtest.File{debtest.Regular("./usr/share/"+name, "made up\n")}
	}
	return debtest.Build(debtest.Tar(control...), debtest.Tar(append(files, data...)...))
}

// add puts a made-up package into the mirror and returns its line of a lock.
func (b *bench) add(name string, members map[string]string, data ...debtest.File) recipe.Package {
	return b.archive.AddPackage(name, "1", "all", madeUp(name, "1", members, data...))
}
