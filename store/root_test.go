package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocidigest "github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestRoots(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	if _, err := s.Root("debian-12-base"); !errors.Is(err, ErrNotFound) || err.Error() != "root debian-12-base: not in the store" {
		t.Errorf("before: %v", err)
	}
	must(0, s.SetRoot("debian-12-base", im.desc))
	r := realize(t, s, "hello", "a")
	hello := v1.Descriptor{
		MediaType: v1.MediaTypeImageManifest, ArtifactType: "application/vnd.pbuild.package.v1",
		Digest: ocidigest.Digest(r.Manifest.String()), Size: int64(len(must(s.ReadBlob(r.Manifest, 1<<20)))),
	}
	want := map[string]v1.Descriptor{"debian-12-base": im.desc, "hello-deb": hello}
	if diff := cmp.Diff(want, must(s.Roots())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(hello, must(s.Root("hello-deb"))); diff != "" {
		t.Error(diff)
	}
	index := strings.NewReplacer("BASE", im.desc.Digest.String(), "HELLO", r.Manifest.String()).Replace(twoRoots)
	index = strings.ReplaceAll(index, "HSIZE", string(must(json.Marshal(hello.Size))))
	index = strings.ReplaceAll(index, "BSIZE", string(must(json.Marshal(im.desc.Size))))
	var compact bytes.Buffer
	must(0, json.Compact(&compact, []byte(index)))
	plain := strings.Replace(compact.String(), `,"annotations":{"io.github.fuel-infra.pbuild.seal":"SEAL"}}`, "}", 1)
	index = strings.Replace(index, "SEAL", digest.Of([]byte(plain)).String(), 1)
	if diff := cmp.Diff(index, string(must(os.ReadFile(s.path(indexFile))))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)

	must(0, s.RemoveRoot("debian-12-base"))
	must(0, s.RemoveRoot("hello-deb"))
	if err := s.RemoveRoot("hello-deb"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if diff := cmp.Diff(freshIndex, string(must(os.ReadFile(s.path(indexFile))))); diff != "" {
		t.Error(diff)
	}
	wantClean(t, s)
}

const twoRoots = `{
	"schemaVersion": 2,
	"mediaType": "application/vnd.oci.image.index.v1+json",
	"manifests": [
		{
			"mediaType": "application/vnd.oci.image.manifest.v1+json",
			"digest": "BASE",
			"size": BSIZE,
			"annotations": {
				"org.opencontainers.image.ref.name": "debian-12-base"
			}
		},
		{
			"mediaType": "application/vnd.oci.image.manifest.v1+json",
			"digest": "HELLO",
			"size": HSIZE,
			"annotations": {
				"org.opencontainers.image.ref.name": "hello-deb"
			},
			"artifactType": "application/vnd.pbuild.package.v1"
		}
	],
	"annotations": {
		"io.github.fuel-infra.pbuild.seal": "SEAL"
	}
}
`

func TestSetRootRefuses(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	gone := digest.Of([]byte("gone")).String()
	layer := must(s.ReadBlob(im.diff, 1<<20))
	for name, c := range map[string]struct {
		root   string
		change func(*v1.Descriptor)
		want   string
	}{
		"name":    {"a/b", func(*v1.Descriptor) {}, `root a/b: name "a/b": want a letter or digit and up to 199 of A-Z a-z 0-9 . _ + -`},
		"option":  {"-x", func(*v1.Descriptor) {}, `root -x: name "-x": want a letter or digit and up to 199 of A-Z a-z 0-9 . _ + -`},
		"missing": {"x", func(d *v1.Descriptor) { d.Digest = ocidigest.Digest(gone) }, "root x: blob " + gone + ": not in the store"},
		"sha512":  {"x", func(d *v1.Descriptor) { d.Digest = "sha512:00" }, `root x: digest "sha512:00": want sha256: and 64 lower case hexadecimal digits`},
		"size":    {"x", func(d *v1.Descriptor) { d.Size = 1 }, "root x: blob " + im.manifest.String() + ": damaged in the store: "},
		"layer": {
			"x", func(*v1.Descriptor) { must(0, os.Remove(s.BlobPath(im.diff))) },
			"root x: blob " + im.diff.String() + ": not in the store",
		},
	} {
		t.Run(name, func(t *testing.T) {
			desc := im.desc
			c.change(&desc)
			if err := s.SetRoot(c.root, desc); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
			must(s.PutBytes(layer))
		})
	}
	if names := must(readNames(s.path(rootsDir))); len(names) > 0 {
		t.Errorf("set all the same: %q", names)
	}
	wantClean(t, s)
}

// TestIndexBehindRoots is a writer killed between roots/ and index.json: no
// problem, and Verify settles it.
func TestIndexBehindRoots(t *testing.T) {
	s := newStore(t)
	realize(t, s, "hello", "a")
	want := must(os.ReadFile(s.path(indexFile)))
	must(0, s.writeIndex(nil))
	wantClean(t, s)
	if diff := cmp.Diff(want, must(os.ReadFile(s.path(indexFile)))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"config":{"digest":"sha256:` + helloHex + `","size":6},"layers":[]}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha256:` + helloHex + `","size":6}],"mediaType":"application/vnd.oci.image.index.v1+json"}`))
	f.Add([]byte(`{"config":{},"layers":[],"manifests":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, children, err := parseManifest(b)
		if err != nil {
			return
		}
		if !hasChildren(doc.MediaType) {
			t.Errorf("media type %q", doc.MediaType)
		}
		for _, c := range children {
			if d, err := digest.Parse(string(c.Digest)); err != nil || d.String() != string(c.Digest) || c.Size < 0 {
				t.Errorf("child %+v", c)
			}
		}
	})
}

func TestParseManifestRefuses(t *testing.T) {
	const d = `{"digest":"sha256:` + helloHex + `","size":6}`
	for text, want := range map[string]string{
		`{"config":` + d + `,"layers":[],"manifests":[]}`: "manifest: has both layers and manifests",
		`{"layers":[` + d + `]}`:                          "manifest: has no config",
		`{}`:                                              `manifest: neither manifest nor index, media type ""`,
		`{"mediaType":"` + v1.MediaTypeImageIndex + `","config":` + d + `}`: `manifest: neither manifest nor index, media type "application/vnd.oci.image.index.v1+json"`,
		`{"manifests":[{"digest":"md5:1","size":6}]}`:                       `manifest: digest "md5:1": want sha256: and 64 lower case hexadecimal digits`,
		`{"manifests":[{"digest":"sha256:` + helloHex + `","size":-6}]}`:    "manifest: sha256:" + helloHex + ": size -6",
		`[]`: "manifest: json: cannot unmarshal array into Go value of type store.document",
	} {
		if _, _, err := parseManifest([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func FuzzParseRoot(f *testing.F) {
	f.Add([]byte(`{"mediaType":"x","digest":"sha256:` + helloHex + `","size":6}` + "\n"))
	f.Add([]byte(`{"digest":"sha256:` + helloHex + `","size":6,"annotations":{"a":"b"}}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		desc, err := parseRoot(seal(text))
		if err == nil && !bytes.Equal(must(encodeRoot(desc)), seal(text)) {
			t.Errorf("parsed %q, printed %q", text, must(encodeRoot(desc)))
		}
	})
}

// The first of two results is asked for again: GC keeps that one.
func TestNameFollowsTheHit(t *testing.T) {
	s := newStore(t)
	first := realize(t, s, "hello", "a")
	second := realize(t, s, "hello", "b")
	must(0, s.Name("hello-deb", &second)) // names it already
	must(0, s.Name("hello-deb", must(s.Lookup(first.Key))))
	if got := must(s.Root("hello-deb")); string(got.Digest) != first.Manifest.String() {
		t.Fatalf("root names %s, want %s", got.Digest, first.Manifest)
	}
	must(0, s.Close()) // the session holds what it put
	must(s.GC(t.Context(), Policy{}, false))
	must(s.Lookup(first.Key))
	if _, err := s.Lookup(second.Key); !errors.Is(err, ErrNotFound) {
		t.Fatalf("the other one after gc: %v", err)
	}
	wantClean(t, s)
}
