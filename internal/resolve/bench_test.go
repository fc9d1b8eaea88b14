package resolve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// releaseDate is that of the made-up archives.
var releaseDate = time.Date(2026, 7, 11, 10, 16, 37, 0, time.UTC)

// bench is a Resolver over a mirror that the test fills, with a store that holds
// debian-12-base.
type bench struct {
	t        *testing.T
	store    *store.Store
	archive  *testenv.Archive
	resolver *resolve.Resolver
	maker    *builder.Maker
	base     *builder.Image
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, archive: testenv.NewArchive(t)}
	b.open(b.archive.Mirrors())
	b.resolver.Keyring = key(t).public
	return b
}

// open makes the store and what works on it.
func (b *bench) open(mirrors fetch.Mirrors) {
	b.t.Helper()
	dir := filepath.Join(b.t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-base"); err != nil {
		b.t.Fatal(err)
	}
	var err error
	if b.store, err = store.Open(dir); err != nil {
		b.t.Fatal(err)
	}
	c := fetch.New(b.store, mirrors)
	b.t.Cleanup(func() {
		c.Close()
		if err := b.store.Close(); err != nil {
			b.t.Error(err)
		}
	})
	recipes, err := recipe.LoadCollection(os.DirFS(testenv.Recipes(b.t)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.maker = &builder.Maker{Store: b.store, Fetch: c, Recipes: recipes, Arch: testenv.Arch}
	if b.base, err = b.maker.Ensure(b.t.Context(), "debian-12-base"); err != nil {
		b.t.Fatal(err)
	}
	b.resolver = &resolve.Resolver{Store: b.store, Fetch: c, Arch: testenv.Arch}
}

// keys is a throwaway OpenPGP key.
type keys struct{ public, secret []byte }

var made struct {
	once sync.Once
	keys
}

// key returns the key of the made-up archives, made once by the gpg of the tools'
// image: signing with a library would test the library.
func key(t *testing.T) keys {
	t.Helper()
	made.once.Do(func() { made.keys = newKey(t) })
	return made.keys
}

const gpgHome = `umask 077; mkdir -p /tmp/gpg; export GNUPGHOME=/tmp/gpg; `

func newKey(t *testing.T) (k keys) {
	t.Helper()
	out := gpg(t, nil, gpgHome+`
		gpg --batch --quiet --passphrase '' --pinentry-mode loopback --quick-gen-key 'Tests <tests@example.org>' ed25519 sign never
		gpg --batch --export >/run/dir/public
		gpg --batch --passphrase '' --pinentry-mode loopback --export-secret-keys >/run/dir/secret`)
	return keys{out("public"), out("secret")}
}

// gpg runs a script in the tools' image, with these files in /run/dir, and returns
// what reads the files that are there afterwards.
func gpg(t *testing.T, in map[string][]byte, script string) func(name string) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, body := range in {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testenv.Tool(t, []sandbox.Bind{{Host: dir, Inside: "/run/dir", Writable: true}}, "sh", "-ec", script)
	return func(name string) []byte {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
}

// state is what an archive says of itself.
type state struct {
	inRelease, packages []byte // the latter is Packages.xz
}

const dists = "dists/" + testenv.Suite + "/"

// sign makes an archive's state of the text of Packages.
func sign(t *testing.T, k keys, packages string, date time.Time) state {
	t.Helper()
	return signNaming(t, k, packages, date, "Packages Packages.xz")
}

// signOnlyXZ leaves the uncompressed index out of Release.
func signOnlyXZ(t *testing.T, k keys, packages string) state {
	t.Helper()
	return signNaming(t, k, packages, releaseDate, "Packages.xz")
}

func signNaming(t *testing.T, k keys, packages string, date time.Time, named string) state {
	t.Helper()
	out := gpg(t, map[string][]byte{"secret": k.secret, "Packages": []byte(packages), "Release": []byte(releaseHead(date))}, gpgHome+`
		cd /run/dir
		gpg --batch --quiet --import secret 2>/dev/null
		xz -k Packages
		echo SHA256: >>Release
		for f in `+named+`; do printf ' %s %d main/binary-amd64/%s\n' "$(sha256sum <$f | cut -d' ' -f1)" "$(stat -c %s $f)" $f; done >>Release
		gpg --batch --quiet --clearsign --digest-algo SHA512 --output InRelease Release`)
	return state{out("InRelease"), out("Packages.xz")}
}

func releaseHead(date time.Time) string {
	return fmt.Sprintf("Origin: Tests\nLabel: Tests\nSuite: stable\nCodename: %s\nDate: %s\nAcquire-By-Hash: yes\n"+
		"No-Support-for-Architecture-all: Packages\nArchitectures: all amd64\nComponents: main\nDescription: made up\n",
		testenv.Suite, date.Format("Mon, 02 Jan 2006 15:04:05 UTC"))
}

// publish puts a state into the mirror.
func (b *bench) publish(s state) {
	b.archive.Add(dists+"InRelease", s.inRelease)
	b.archive.Add(dists+"main/binary-amd64/by-hash/SHA256/"+digest.Of(s.packages).Hex(), s.packages)
}

// apt wants the apt of debian-12-base over what the mirror has.
func (b *bench) apt() *resolve.Apt {
	b.t.Helper()
	a, err := b.tryApt()
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *bench) tryApt() (*resolve.Apt, error) {
	index, err := b.resolver.Index(b.t.Context(), testenv.Suite)
	if err != nil {
		return nil, err
	}
	a, err := b.resolver.Apt(b.t.Context(), b.base, index)
	if err == nil {
		b.t.Cleanup(func() {
			if err := a.Close(); err != nil {
				b.t.Error(err)
			}
			b.clean()
		})
	}
	return a, err
}

// clean wants nothing left in the making.
func (b *bench) clean() {
	b.t.Helper()
	left, err := os.ReadDir(filepath.Join(b.store.Dir(), "tmp"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range left {
		b.t.Errorf("left in tmp: %s", e.Name())
	}
}

// entry returns the index entry of a package, and what a lock says of it. Fields
// are lines.
func entry(name, version, arch string, fields ...string) (string, recipe.Package) {
	p := recipe.Package{
		Name: name, Version: version, Arch: arch, Size: int64(len(name)), SHA256: digest.Of([]byte(name + version)),
		Path: fmt.Sprintf("pool/main/%s/%s_%s_%s.deb", name, name, strings.ReplaceAll(version, ":", "%3a"), arch),
	}
	p.Path = strings.ReplaceAll(p.Path, "%3a", "")
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: Tests <tests@example.org>\nFilename: %s\nSize: %d\nSHA256: %s\nDescription: made up\n",
		p.Name, p.Version, p.Arch, p.Path, p.Size, p.SHA256.Hex())
	for _, f := range fields {
		text += f + "\n"
	}
	return text + "\n", p
}
