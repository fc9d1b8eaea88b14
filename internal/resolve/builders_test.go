package resolve_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// compilers are what debian-12-base has of build-essential, whose place a made-up
// package takes here.
var compilers = []string{
	"binutils", "build-essential", "cpp", "dpkg-dev", "fontconfig", "g++", "gcc", "libasan", "libbinutils", "libc-dev", "libc6-dev", "libcc1",
	"libctf", "libdpkg-perl", "libgcc-", "libgdbm", "libgomp", "libgprofng", "libisl", "libitm", "libjansson", "liblsan", "libmpc", "libmpfr",
	"libnsl-dev", "libperl", "libquadmath", "libstdc++-12", "libtirpc", "libtsan", "libubsan", "linux-libc", "make", "patch", "perl-modules", "perl", "rpcsvc",
}

// TestLockBuilders: a system and what stands on it come into being from nothing
// but a signed archive and the apt of another image, and follow the archive.
func TestLockBuilders(t *testing.T) {
	t.Parallel()
	var packages []recipe.Package
	for _, p := range testenv.LockedPackages(t, "debian-12-base") {
		spare := func(name string) bool {
			return strings.HasPrefix(p.Name, name) && p.Name != "gcc-12-base" && p.Name != "perl-base" && p.Name != "libgcc-s1"
		}
		if !slices.ContainsFunc(compilers, spare) {
			packages = append(packages, p)
		}
	}
	b := &bench{t: t, archive: testenv.NewArchive(t, packages...)}
	b.open(b.archive.Mirrors())
	b.resolver.Keyring = key(t).public
	var index strings.Builder
	for _, p := range packages {
		index.WriteString(b.stanza(p))
	}
	add := func(name, version string, fields ...string) recipe.Package {
		control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Tests <tests@example.org>\nDescription: made up\n", name, version)
		for _, f := range fields {
			control += f + "\n"
		}
		data := debtest.Tar(debtest.Directory("./"), debtest.Directory("./usr/"), debtest.Directory("./usr/share/"),
			debtest.File{Header: tar.Header{Name: "./usr/share/" + name}, Data: version})
		p := b.archive.AddPackage(name, version, "all", debtest.Build(debtest.Tar(debtest.Regular("./control", control)), data))
		index.WriteString(b.stanza(p))
		return p
	}
	essential := add("build-essential", "1")
	greet, data := add("greet", "1", "Depends: greet-data"), add("greet-data", "1")
	b.publish(sign(t, key(t), index.String(), releaseDate))

	files := fstest.MapFS{
		"builders/bottom.yaml": file("format: 1\nname: bottom\nsummary: A test\nsuite: bookworm\npackages: [apt, usr-is-merged, build-essential]\n"),
		"builders/upon.yaml":   file("format: 1\nname: upon\nsummary: A test\nsuite: bookworm\nbase: bottom\npackages: [greet]\n"),
	}
	if _, err := b.lock(files); !errors.Is(err, resolve.ErrNoApt) || !strings.HasPrefix(err.Error(), "builder bottom: no locked builder without a base") {
		t.Errorf("without any image: %v", err)
	}
	for _, ending := range []string{".yaml", ".lock", ".packages", ".files"} {
		text, err := os.ReadFile(testenv.Recipes(t) + "/builders/debian-12-base" + ending)
		if err != nil {
			t.Fatal(err)
		}
		files["builders/debian-12-base"+ending] = file(string(text))
	}

	got, err := b.lock(files, "bottom")
	if err != nil || !slices.Equal(got, []string{"bottom", "upon"}) {
		t.Fatalf("locked %q, %v", got, err)
	}
	c := collection(t, files)
	bottom := lockedPackages(t, c, "bottom")
	if !slices.Contains(bottom, essential) || !holds(bottom, "dash") || !holds(bottom, "libapt-pkg6.0") || holds(bottom, "greet") {
		t.Errorf("bottom: %v", bottom)
	}
	if upon := lockedPackages(t, c, "upon"); !slices.Equal(upon, []recipe.Package{greet, data}) {
		t.Errorf("upon: %v", upon)
	}
	for _, name := range []string{"bottom", "upon"} {
		one, err := c.Builder(name)
		if err != nil {
			t.Fatal(err)
		}
		if !one.Lock.Release.Date.Equal(releaseDate) || one.Lock.Suite != "bookworm" {
			t.Errorf("%s: %+v", name, one.Lock)
		}
		if _, err := c.Files(one); err != nil {
			t.Error(err)
		}
		// The lock names the image that was made.
		if _, err := b.makerOf(c).Find(one); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := b.lock(files, "bottom"); err != nil || len(got) > 0 {
		t.Errorf("nothing changed: locked %q, %v", got, err)
	}

	// A newer date alone changes nothing; a newer package what holds it.
	second := add("greet", "2", "Depends: greet-data")
	b.publish(sign(t, key(t), index.String(), releaseDate.Add(time.Hour)))
	if got, err = b.lock(files, "bottom", "upon"); err != nil || !slices.Equal(got, []string{"upon"}) {
		t.Errorf("a newer package: locked %q, %v", got, err)
	}
	if upon := lockedPackages(t, c, "upon"); !slices.Equal(upon, []recipe.Package{second, data}) {
		t.Errorf("upon: %v", upon)
	}

	// Over another image the same packages are another image.
	third := add("build-essential", "2")
	b.publish(sign(t, key(t), index.String(), releaseDate.Add(time.Hour)))
	if got, err = b.lock(files, "bottom"); err != nil || !slices.Equal(got, []string{"bottom", "upon"}) {
		t.Errorf("a newer base: locked %q, %v", got, err)
	}
	if bottom, upon := lockedPackages(t, c, "bottom"), lockedPackages(t, c, "upon"); !slices.Contains(bottom, third) || !slices.Equal(upon, []recipe.Package{second, data}) {
		t.Errorf("bottom: %v, upon: %v", bottom, upon)
	}

	b.publish(sign(t, key(t), index.String(), releaseDate.Add(time.Minute)))
	_, err = b.lock(files, "upon")
	var older *resolve.OlderError
	if !errors.As(err, &older) || err.Error() != "builder upon: the archive is of 2026-07-11T10:17:37Z, older than the lock, of 2026-07-11T11:16:37Z" {
		t.Errorf("an older archive: %v", err)
	}

	b.publish(sign(t, key(t), index.String(), releaseDate.Add(2*time.Hour)))
	files["builders/upon.yaml"] = file("format: 1\nname: upon\nsummary: A test\nsuite: bookworm\nbase: bottom\npackages: [greet, nosuch]\n")
	if _, err = b.lock(files, "upon"); err == nil || err.Error() != "builder upon: can't be installed: nosuch: nosuch but it is not installable" {
		t.Errorf("an unknown package: %v", err)
	}
	var unknown *recipe.UnknownError
	if _, err = b.lock(files, "upo"); !errors.As(err, &unknown) {
		t.Errorf("an unknown builder: %v", err)
	}
	b.clean()
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

func collection(t *testing.T, files fs.FS) *recipe.Collection {
	t.Helper()
	c, err := recipe.LoadCollection(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) makerOf(c *recipe.Collection) *builder.Maker {
	return &builder.Maker{Store: b.store, Fetch: b.resolver.Fetch, Recipes: c, Arch: testenv.Arch}
}

// lock locks builders of a collection, writes what comes out into it, and
// returns the names of those that changed.
func (b *bench) lock(files fstest.MapFS, names ...string) (changed []string, err error) {
	b.t.Helper()
	// A client remembers nothing of the archive's state but which mirrors answer.
	c := fetch.New(b.store, b.archive.Mirrors())
	defer c.Close()
	b.resolver.Fetch = c
	err = b.resolver.LockBuilders(b.t.Context(), b.makerOf(collection(b.t, files)), names, func(l resolve.BuilderLock) error {
		changed = append(changed, l.Name)
		files["builders/"+l.Name+".packages"] = file(string(l.Packages))
		files["builders/"+l.Name+".lock"] = file(string(l.Lock.Text()))
		files["builders/"+l.Name+".files"] = file(string(l.Files))
		return nil
	})
	return changed, err
}

func lockedPackages(t *testing.T, c *recipe.Collection, name string) []recipe.Package {
	t.Helper()
	b, err := c.Builder(name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Packages(b)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// stanza returns the index entry of a package that the mirror has.
func (b *bench) stanza(p recipe.Package) string {
	b.t.Helper()
	err := b.resolver.Fetch.All(b.t.Context(), []fetch.File{{Path: p.Path, Want: p.SHA256, Size: p.Size}}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	body, err := b.store.ReadBlob(p.SHA256, p.Size)
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := deb.Open(bytes.NewReader(body), p.Size)
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf("%sFilename: %s\nSize: %d\nSHA256: %s\n\n", d.Control(), p.Path, p.Size, p.SHA256.Hex())
}
