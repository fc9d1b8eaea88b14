package realize_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestStaleLock: what recipe.lock says of a Debian source package must be what the
// recipe and the package say.
func TestStaleLock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lock  string // "" for none
		early bool   // told before anything is fetched
		want  string
	}{
		"none":          {"", true, "recipe tree: deb: recipe.lock does not fit: there is none"},
		"other version": {`main: {version: "2.0.0-1", epoch: 1672326529}`, true, "recipe tree: source main: recipe.lock does not fit: it says 2.0.0-1, the recipe 2.1.0-1"},
		"other epoch":   {`main: {version: "2.1.0-1", epoch: 1672326530}`, false, "tree: deb: source main: recipe.lock does not fit: the changelog says 2.1.0-1 at 1672326529"},
		"Debian's epoch": {
			`main: {version: "7:2.1.0-1", epoch: 1672326529}`, false,
			"tree: deb: source main: recipe.lock does not fit: the changelog says 2.1.0-1 at 1672326529",
		},
	} {
		b := newBench(t)
		delete(b.files, "tree/recipe.lock")
		if tc.lock != "" {
			b.files["tree/recipe.lock"] = &fstest.MapFile{Data: []byte("format: 1\nsources:\n  " + tc.lock + "\ndeb: {depends: [debhelper-compat (= 13)]}\n")}
		}
		b.reload()
		p, err := b.Plan(t.Context(), []realize.Target{{Name: "tree", Format: recipe.FormatDeb}})
		if err == nil && !tc.early {
			_, err = b.Realize(t.Context(), p)
			if r, err := b.store.Lookup(p.Nodes[0].Key); err == nil {
				t.Errorf("%s: recorded as %+v", name, r)
			}
		}
		if !errors.Is(err, recipe.ErrLock) || err.Error() != tc.want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestBadSource: a source that is gone or wrong is told before an image is made,
// all files in one error.
func TestBadSource(t *testing.T) {
	t.Parallel()
	const dir = "pool/main/g/gone/"
	line := func(name, body string) string {
		return fmt.Sprintf(" %s %d %s\n", digest.Of([]byte(body)).Hex(), len(body), name)
	}
	dsc := func(lines ...string) string {
		return "Format: 3.0 (quilt)\nSource: gone\nVersion: 1-1\nChecksums-Sha256:\n" + strings.Join(lines, "")
	}
	for name, tc := range map[string]struct {
		dsc    string
		served map[string]string
		want   string // MIRROR stands for the mirror's URL
	}{
		"no dsc": {
			dsc("x"), nil,
			"fetch 1 file: gone from every mirror:\n  pool/main/g/gone/gone_1-1.dsc (gone): MIRROR: 404 Not Found",
		},
		"two files": {
			dsc(line("gone_1.orig.tar.xz", "orig"), line("gone_1-1.debian.tar.xz", "debian"), line("gone_1.orig-docs.tar.xz", "docs")),
			map[string]string{"gone_1.orig-docs.tar.xz": "docs"},
			"fetch 2 files: gone from every mirror:\n  pool/main/g/gone/gone_1.orig.tar.xz (gone): MIRROR: 404 Not Found" +
				"\n  pool/main/g/gone/gone_1-1.debian.tar.xz (gone): MIRROR: 404 Not Found",
		},
		"wrong bytes": {
			dsc(line("gone_1.tar.xz", "right")),
			map[string]string{"gone_1.tar.xz": "wrong"},
			"fetch MIRROR/pool/main/g/gone/gone_1.tar.xz: digest mismatch: want " + digest.Of([]byte("right")).String() + ", got " + digest.Of([]byte("wrong")).String(),
		},
		"a name that leads out": {
			dsc(line("../gone_1.tar.xz", "x")), nil, "gone_1-1.dsc: dsc: ",
		},
		"itself": {
			dsc(line("gone_1-1.dsc", "x")), nil, "gone_1-1.dsc: names gone_1-1.dsc twice",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBench(t, filepath.Join(t.TempDir(), "store"))
			mirror := testenv.NewArchive(t)
			for file, body := range tc.served {
				mirror.Add(dir+file, []byte(body))
			}
			if name != "no dsc" {
				mirror.Add(dir+"gone_1-1.dsc", []byte(tc.dsc))
			}
			b.Fetch = fetch.New(b.store, mirror.Mirrors())
			defer b.Fetch.Close()
			b.files["gone/recipe.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "format: 1\nname: gone\nsummary: A test\nlicense: MIT\n"+
				"sources: {main: {dsc: {path: %sgone_1-1.dsc, sha256: %s}}}\ndeb:\n  builder: debian-12-deb\n  outputs: [gone]\n",
				dir, digest.Of([]byte(tc.dsc)).Hex())}
			b.files["gone/recipe.lock"] = &fstest.MapFile{Data: []byte("format: 1\nsources:\n  main: {version: \"1-1\", epoch: 1672326529}\ndeb: {}\n")}
			b.reload()
			results, err := b.try("gone")
			want := "gone: deb: " + strings.ReplaceAll(tc.want, "MIRROR", mirror.Base())
			if err == nil || err.Error() != want && !(strings.HasSuffix(want, ": ") && strings.HasPrefix(err.Error(), want)) {
				t.Errorf("got %v", err)
			}
			if results[0].State != event.Failed {
				t.Errorf("state %s", results[0].State)
			}
			if slices.ContainsFunc(b.events, func(e event.Event) bool { return e.Node.Format == "image" }) {
				t.Error("an image was begun")
			}
			b.clean()
		})
	}
}
