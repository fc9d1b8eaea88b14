package realize_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// file is one of a collection.
func file(body string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(body), Mode: 0o644} }

// names returns the files of a result, in the artifact's order.
func names(r realize.Result) (all []string) {
	for _, f := range r.Realization.Files {
		all = append(all, f.Name)
	}
	return all
}

// TestDscOfTree: what stands in quilt's format becomes a .dsc, an upstream tarball
// without debian/, and a debian.tar.xz; a build starts from them again.
func TestDscOfTree(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("packed-dsc", made{source: map[string]string{"more": "of it\n"}})
	b.files["packed-dsc/debian/source/format"] = file("3.0 (quilt)\n")
	b.reload()
	plain := b.realize("packed-dsc", event.Built)
	r := b.realize("packed-dsc dsc", event.Built)
	want := []string{"packed-dsc_1-1.dsc", "packed-dsc_1.orig.tar.gz", "packed-dsc_1-1.debian.tar.xz"}
	if got := names(r); !slices.Equal(got, want) {
		t.Fatalf("files %q, want %q", got, want)
	}
	if r.Key == plain.Key || r.Realization.Recipe != "packed-dsc" || r.Realization.Format != "dsc" || r.Realization.Version != "1-1" {
		t.Errorf("%+v", r.Realization)
	}
	var binds []sandbox.Bind
	for _, f := range r.Realization.Files {
		if f.Package != "packed-dsc" || f.Version != "1-1" || f.Arch != "source" {
			t.Errorf("%+v", f)
		}
		binds = append(binds, sandbox.Bind{Host: b.store.BlobPath(f.Digest), Inside: "/run/in/" + f.Name})
	}
	got := testenv.ToolOf(t, "debian-12-deb", binds, "sh", "-ec", `cd /tmp
dpkg-source --no-check --extract /run/in/packed-dsc_1-1.dsc out >&2
cd out; find . -path ./.pc -prune -o -type f -print | sort; tar -tzf /run/in/packed-dsc_1.orig.tar.gz | sort`)
	const inside = "./README\n./debian/build.sh\n./debian/changelog\n./debian/control\n./debian/rules\n./debian/source/format\n./more\n" +
		"packed-dsc-1/\npacked-dsc-1/README\npacked-dsc-1/more\n"
	if got != inside {
		t.Errorf("holds\n%s", got)
	}
	b.mediaTypes(r, "text/plain; charset=utf-8", "application/gzip", "application/x-xz")

	// The same again in another place, and a hit here.
	b.realize("packed-dsc dsc", event.Cached)
	dir := filepath.Join(t.TempDir(), "store")
	if err := testenv.FillStore(dir, "debian-12-deb"); err != nil {
		t.Fatal(err)
	}
	other := openBench(t, dir)
	other.files = b.files
	other.reload()
	if again := other.realize("packed-dsc dsc", event.Built); again.Realization.Manifest != r.Realization.Manifest {
		t.Errorf("artifact %s, in another store %s", r.Realization.Manifest, again.Realization.Manifest)
	}
}

// mediaTypes wants the layers of an artifact to have these.
func (b *bench) mediaTypes(r realize.Result, want ...string) {
	b.t.Helper()
	body, err := b.store.ReadBlob(r.Realization.Manifest, 1<<20)
	if err != nil {
		b.t.Fatal(err)
	}
	var m v1.Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, l := range m.Layers {
		got = append(got, l.MediaType)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("media types %q, want %q", got, want)
	}
}

// TestDscNative: a native package has one tarball.
func TestDscNative(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := made{}
	b.write("native-dsc", m)
	b.files["native-dsc/debian/source/format"] = file("3.0 (native)\n")
	b.files["native-dsc/debian/changelog"] = file(strings.Replace(m.debian("native-dsc")["changelog"], "(1-1)", "(1)", 1))
	b.reload()
	r := b.realize("native-dsc dsc", event.Built)
	if got, want := names(r), []string{"native-dsc_1.dsc", "native-dsc_1.tar.xz"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// TestDscOfDsc: a Debian source package is handed over as it was fetched.
func TestDscOfDsc(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.realize("tree dsc", event.Built)
	rec, err := b.Recipes.Recipe("tree")
	if err != nil {
		t.Fatal(err)
	}
	src := rec.Sources[recipe.Main].(recipe.Dsc)
	files := r.Realization.Files
	if files[0].Name != "tree_2.1.0-1.dsc" || files[0].Digest != src.SHA256 {
		t.Errorf("%+v", files[0])
	}
	body, err := b.store.ReadBlob(src.SHA256, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	dsc, err := deb.ParseDsc(body)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range dsc.Files {
		if got := files[i+1]; got.Name != f.Name || got.Digest != f.SHA256 || got.Size != f.Size {
			t.Errorf("%+v, the .dsc says %+v", got, f)
		}
	}
	if len(files) != len(dsc.Files)+1 {
		t.Errorf("%d files, the .dsc names %d", len(files), len(dsc.Files))
	}
}

// TestSRPM: a source rpm holds the spec and what the spec names.
func TestSRPM(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.writeRPM("packed-srpm", madeRPM{})
	r := b.realize("packed-srpm srpm", event.Built)
	if got := names(r); len(got) != 1 || !strings.HasPrefix(got[0], "packed-srpm-") || !strings.HasSuffix(got[0], ".src.rpm") {
		t.Fatalf("files %q", got)
	}
	body, err := b.store.ReadBlob(r.Realization.Files[0].Digest, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.Open(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var inside []string
	for _, f := range p.Files() {
		inside = append(inside, f.Path)
	}
	slices.Sort(inside)
	if want := []string{"packed-srpm-" + p.Version() + ".tar.gz", "packed-srpm.spec"}; !p.IsSource() || !slices.Equal(inside, want) {
		t.Errorf("source %v, holds %q, want %q", p.IsSource(), inside, want)
	}
	b.mediaTypes(r, "application/x-rpm")
	if all := realize.WithSources([]realize.Target{target("a"), target("a rpm")}); fmt.Sprint(all) !=
		fmt.Sprint([]realize.Target{target("a"), target("a dsc"), target("a rpm"), target("a srpm")}) {
		t.Errorf("with sources: %v", all)
	}
}

// TestDscWrong: what dpkg-source refuses is a failed build, and so is a .dsc whose
// files are not those that it names.
func TestDscWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("wrong-dsc", made{})
	b.files["wrong-dsc/debian/source/format"] = file("3.0 (native)\n") // with a revision
	b.reload()
	_, err := b.try("wrong-dsc dsc")
	var failed *realize.BuildError
	if !errors.As(err, &failed) || failed.Step != "dpkg-source" {
		t.Errorf("got %v", err)
	}
	if _, err := b.store.Lookup(b.node("wrong-dsc dsc").Key); err == nil {
		t.Error("recorded")
	}
}
