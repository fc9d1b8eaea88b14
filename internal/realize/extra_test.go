package realize_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// archiveDate is that of the archive in locks that tests write.
var archiveDate = time.Date(2026, 7, 11, 10, 16, 37, 0, time.UTC)

// lockExtra writes a recipe's lock and list: what one format asks for, and packages
// over the builder. The recipe's packages: are the list's, but for libraries.
func (b *bench) lockExtra(name string, f recipe.Format, depends []string, packages []recipe.Package) {
	b.t.Helper()
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		b.t.Fatal(err)
	}
	rec, err := b.loaded().Unlocked(name)
	if err != nil {
		b.t.Fatal(err)
	}
	l := &recipe.BuildLock{
		Asked:    recipe.Asked{Depends: slices.Sorted(slices.Values(depends)), Extra: rec.Build(f).Packages},
		Packages: digest.Of(list.Bytes()),
		Release:  recipe.Release{Date: archiveDate, InRelease: digest.Of([]byte("made up"))},
	}
	lock := &recipe.Lock{}
	if f == recipe.FormatRPM {
		lock.RPM = l
	} else {
		lock.Deb = l
	}
	b.files[name+"/"+recipe.LockName] = &fstest.MapFile{Data: lock.Text()}
	b.files[name+"/"+recipe.PackagesName(f)] = &fstest.MapFile{Data: list.Bytes()}
}

// loaded returns the collection as it is now, without making the Realizer see it.
func (b *bench) loaded() *recipe.Collection {
	b.t.Helper()
	c, err := recipe.LoadCollection(maps.Clone(b.files))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// gc ends the session, which holds what it has seen, and collects.
func (b *bench) gc() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.GC(b.t.Context(), store.Policy{}, false); err != nil {
		b.t.Fatal(err)
	}
}

// served makes the bench fetch from a mirror of the test's own.
func (b *bench) served() *testenv.Archive {
	b.t.Helper()
	a := testenv.NewArchive(b.t)
	b.Fetch = fetch.New(b.store, a.Mirrors())
	b.t.Cleanup(b.Fetch.Close)
	return a
}

// extraPackage is a .deb that holds /usr/share/extra/text.
func extraPackage(version, text string) []byte {
	control := fmt.Sprintf("Package: extra\nVersion: %s\nArchitecture: all\nMaintainer: A Packager <packager@example.org>\nDescription: made up\n", version)
	return debtest.Build(debtest.Tar(debtest.Regular("./control", control)), debtest.Tar(
		debtest.Directory("./"), debtest.Directory("./usr/"), debtest.Directory("./usr/share/"), debtest.Directory("./usr/share/extra/"),
		debtest.Regular("./usr/share/extra/text", text)))
}

// writeExtra puts a recipe into the collection that packs the file of a package
// which its lock adds to the builder.
func (b *bench) writeExtra(name string, p recipe.Package) {
	b.t.Helper()
	b.write(name, made{
		more:   "packages: [extra]\n",
		script: "mkdir -p debian/" + name + "\ncp /usr/share/extra/text debian/" + name + "/text\npack " + name + "\n",
	})
	b.lockExtra(name, recipe.FormatDeb, nil, []recipe.Package{p})
	b.reload()
}

// TestExtraPackages: what the lock adds to the builder is in the build, and in the
// key; the list is the lock's.
func TestExtraPackages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.served()
	b.writeExtra("extra-one", a.AddPackage("extra", "1", "all", extraPackage("1", "first\n")))
	first := b.realize("extra-one", event.Built)
	if got := b.packaged(first, "text"); got != "first\n" {
		t.Errorf("holds %q", got)
	}
	line := fmt.Sprintf("\npackages %q \"%d\"\n", digest.Of(b.files["extra-one/deb.packages"].Data), archiveDate.Unix())
	if !strings.Contains(string(first.Text), line) || first.Realization.Builder == first.Derivation.Builder {
		t.Errorf("want %sin\n%s, built in %s", line, first.Text, first.Realization.Builder)
	}
	b.realize("extra-one", event.Cached)

	b.writeExtra("extra-one", a.AddPackage("extra", "2", "all", extraPackage("2", "second\n")))
	second := b.realize("extra-one", event.Built)
	if got := b.packaged(second, "text"); got != "second\n" || second.Key == first.Key || second.Realization.Builder == first.Realization.Builder {
		t.Errorf("holds %q, key %s, built in %s", got, second.Key, second.Realization.Builder)
	}

	// A list that is another than the locked one, and none.
	b.writeExtra("extra-odd", a.AddPackage("extra", "3", "all", extraPackage("3", "third\n")))
	list := b.files["extra-odd/deb.packages"]
	want := digest.Of(list.Data)
	list.Data = append([]byte{}, b.files["extra-one/deb.packages"].Data...)
	for _, text := range []string{
		"extra-odd: deb: recipe.lock does not fit: recipes/extra-odd/deb.packages: is " + digest.Of(list.Data).Short() + ": the lock says " + want.Short(),
		"extra-odd: deb: recipe.lock does not fit: recipes/extra-odd/deb.packages: file does not exist",
	} {
		b.reload()
		if _, err := b.try("extra-odd"); err == nil || err.Error() != text {
			t.Errorf("got %v\nwant %s", err, text)
		}
		b.nothing("extra-odd")
		delete(b.files, "extra-odd/deb.packages")
	}
	// A package that the mirror does not have.
	b.writeExtra("extra-gone", recipe.Package{Name: "extra", Version: "9", Arch: "all", SHA256: digest.Of([]byte("gone")), Size: 4, Path: "pool/main/e/extra/extra_9_all.deb"})
	text := "extra-gone: deb: build dependencies of extra-gone-deb: fetch 1 file: gone from every mirror:\n  pool/main/e/extra/extra_9_all.deb (extra): " + a.Base() + ": 404 Not Found"
	if _, err := b.try("extra-gone"); err == nil || err.Error() != text {
		t.Errorf("got %v\nwant %s", err, text)
	}
	b.nothing("extra-gone")
}

// TestExtraPackagesAreKept: as long as what was built with them.
func TestExtraPackagesAreKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
		t.Fatal(err)
	}
	b := openBench(t, dir)
	a := b.served()
	p := a.AddPackage("extra", "1", "all", extraPackage("1", "kept\n"))
	b.writeExtra("extra-kept", p)
	first := b.realize("extra-kept", event.Built).Realization
	extensions := func() (n int) {
		t.Helper()
		roots, err := b.store.Roots()
		if err != nil {
			t.Fatal(err)
		}
		for name := range roots {
			if strings.HasPrefix(name, "extension_") && !strings.HasSuffix(name, "_packages") {
				n++
			}
		}
		return n
	}
	b.gc()
	if n := extensions(); n != 1 {
		t.Fatalf("%d extended images while the result lives", n)
	}
	// Another recipe finds the image.
	asked := a.Asked(p.Path)
	b.writeExtra("extra-found", p)
	if again := b.realize("extra-found", event.Built).Realization; again.Builder != first.Builder || a.Asked(p.Path) != asked {
		t.Errorf("built in %s, asked %d times", again.Builder, a.Asked(p.Path))
	}
	for _, name := range []string{"extra-kept", "extra-found"} {
		if err := os.Remove(filepath.Join(dir, "journal", b.node(name).Key.Hex())); err != nil {
			t.Fatal(err)
		}
		if err := b.store.RemoveRoot(name + "-deb"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.gc()
	if n := extensions(); n != 0 {
		t.Errorf("%d extended images when nothing needs one", n)
	}
	b.clean()
}
