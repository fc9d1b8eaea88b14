package builder_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb/debtest"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// extendedDigest is the image of TestExtend, whoever makes it.
const extendedDigest = "sha256:d9ce08a1bb573f0f7fef39c0af30ef77b7eaefd9defa6d8338e095139c70f506"

func (b *bench) extend(under *builder.Image, name string, date time.Time, packages ...recipe.Package) *builder.Image {
	b.t.Helper()
	image, err := b.maker().Extend(b.t.Context(), under, name, packages, date)
	if err != nil {
		b.t.Fatal(err)
	}
	return image
}

// extensions returns the names in the store that are extensions'.
func (b *bench) extensions() (names []string) {
	b.t.Helper()
	roots, err := b.store.Roots()
	if err != nil {
		b.t.Fatal(err)
	}
	for name := range roots {
		if strings.HasPrefix(name, "extension_") && !strings.HasSuffix(name, "_packages") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// twoOf puts two versions of a package and another package into the mirror.
func (b *bench) twoOf() (old, updated, more recipe.Package) {
	b.t.Helper()
	old = b.archive.AddPackage("tool", "1", "all", madeUp("tool", "1", map[string]string{"conffiles": "/etc/tool\n"},
		debtest.Directory("./etc/"), debtest.Regular("./etc/tool", "old\n"), debtest.Regular("./usr/share/only-old", "x\n")))
	updated = b.archive.AddPackage("tool", "2", "all", madeUp("tool", "2", map[string]string{"conffiles": "/etc/tool\n"},
		debtest.Directory("./etc/"), debtest.Regular("./etc/tool", "new\n"), debtest.Regular("./usr/share/only-new", "x\n")))
	more = b.add("more", map[string]string{"postinst": "#!/bin/sh\nset -e\ntest \"$1\" = configure\necho \"$SOURCE_DATE_EPOCH\" >/etc/more\n"})
	return old, updated, more
}

// TestExtend: packages over an image, by its own dpkg: new ones are there, others
// are replaced; made once, found by what it is made of, and the same elsewhere.
func TestExtend(t *testing.T) {
	b := newLayerBench(t)
	old, updated, more := b.twoOf()
	b.define("tools", "small", old)
	b.locked("tools")
	under := b.ensure("tools")
	b.states("tools")
	date := releaseDate.Add(time.Hour)
	image := b.extend(under, "sample", date, updated, more)
	if image.Digest.String() != extendedDigest {
		t.Errorf("it is %s, and was %s when it was reviewed", image.Digest, extendedDigest)
	}
	states := []event.State{event.Waiting, event.Fetching, event.Unpacking, event.Configuring, event.Built}
	if got := b.states("sample"); !slices.Equal(got, states) {
		t.Errorf("states %q", got)
	}
	if image.Name != "sample" || len(image.Layers) != 3 || !slices.Equal(image.Lower()[:2], under.Lower()) {
		t.Errorf("image %+v", image)
	}
	got := inside(t, image, `dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' tool more
		dpkg --audit; dpkg --verify; cat /etc/tool /etc/more; ls /usr/share/only* /etc/tool*; stat -c %Y /etc/more`)
	want := "more 1 installed\ntool 2 installed\nnew\n1783768597\n/etc/tool\n/usr/share/only-new\n1783768597\n"
	if got != want {
		t.Errorf("inside:\n%s", got)
	}
	b.wantManifest(b.extensions()[0], image, `{"created":"2026-07-11T11:16:37Z","architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["`+
		image.Layers[0].DiffID.String()+`","`+image.Layers[1].DiffID.String()+`","`+image.Layers[2].DiffID.String()+`"]}}`)

	// Found again, in whatever order and for whomever it is asked.
	again := b.extend(under, "other", date, more, updated)
	if again.Digest != image.Digest || !slices.Equal(again.Lower(), image.Lower()) || again.Name != "other" {
		t.Errorf("found as %+v", again)
	}
	if got := b.states("other"); got != nil {
		t.Errorf("a look goes through states %q", got)
	}
	// Another date, other packages, another image below: others.
	for name, f := range map[string]func() *builder.Image{
		"date": func() *builder.Image {
			return b.extend(under, "date", releaseDate, updated, more)
		},
		"packages": func() *builder.Image {
			return b.extend(under, "packages", date, updated)
		},
		"below": func() *builder.Image {
			return b.extend(image, "below", date, updated, more)
		},
	} {
		if other := f(); other.Digest == image.Digest {
			t.Errorf("another %s, but the same image", name)
		}
	}
	if n := len(b.extensions()); n != 4 {
		t.Errorf("%d extensions", n)
	}
	if same := b.extend(under, "nothing", date); same != under {
		t.Errorf("without packages: %+v", same)
	}
	b.clean()

	// Made anew, by one thread and under another umask, it comes to the same.
	for _, name := range b.extensions() {
		if err := b.store.RemoveRoot(name); err != nil {
			t.Fatal(err)
		}
	}
	b.collect()
	if _, err := b.store.Tree(image.Layers[2].DiffID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("not removed: %v", err)
	}
	defer syscall.Umask(syscall.Umask(0o077))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if anew := b.extend(b.ensure("tools"), "sample", date, updated, more); anew.Digest != image.Digest {
		t.Errorf("made anew it is %s", anew.Digest)
	}
	if got := b.states("sample"); !slices.Contains(got, event.Configuring) {
		t.Errorf("states %q", got)
	}
	b.clean()
}

// collect ends the session, which holds what it has seen, and runs GC.
func (b *bench) collect() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.store.GC(b.t.Context(), store.Policy{}, false); err != nil {
		b.t.Fatal(err)
	}
}

// TestExtensionIsNotKeptByItsName: GC takes what no realization was built with.
func TestExtensionIsNotKeptByItsName(t *testing.T) {
	b := newLayerBench(t)
	_, updated, more := b.twoOf()
	under := b.ensure("small")
	kept := b.extend(under, "kept", releaseDate, updated)
	gone := b.extend(under, "gone", releaseDate, more)
	b.record(kept.Digest)
	b.collect()
	if n := len(b.extensions()); n != 1 {
		t.Errorf("%d extensions", n)
	}
	b.states("kept")
	b.extend(under, "kept", releaseDate, updated)
	if got := b.states("kept"); got != nil {
		t.Errorf("kept: states %q", got)
	}
	if _, err := b.store.Tree(gone.Layers[1].DiffID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("gone: %v", err)
	}
	b.clean()
}

// record keeps a realization that was built with an image.
func (b *bench) record(image digest.Digest) {
	b.t.Helper()
	put := func(text string) digest.Digest {
		d, err := b.store.PutBytes([]byte(text))
		if err != nil {
			b.t.Fatal(err)
		}
		return d
	}
	config := put("{}")
	manifest := put(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + config.String() + `","size":2},"layers":[]}`)
	derivation := []byte("derivation")
	put(string(derivation))
	_, err := b.store.Record(store.Realization{
		Key: digest.KeyOf(derivation), Recipe: "kept", Format: "deb", Arch: "amd64", Version: "1",
		Builder: image, Manifest: manifest, Finished: releaseDate,
	}, "kept-deb")
	if err != nil {
		b.t.Fatal(err)
	}
}
