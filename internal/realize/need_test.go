package realize_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestNeedsDsc: of a Debian source package the .dsc is needed; once it is there,
// those of its files that are not.
func TestNeedsDsc(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	diff := digest.Of([]byte("diff"))
	orig, err := s.PutBytes([]byte("orig"))
	if err != nil {
		t.Fatal(err)
	}
	dsc := fmt.Appendf(nil, "Format: 3.0 (quilt)\nSource: up\nVersion: 2-1\nChecksums-Sha256:\n %s 4 up_2.orig.tar.xz\n %s 5 up_2-1.debian.tar.xz\n",
		orig.Hex(), diff.Hex())
	files := fstest.MapFS{"up/recipe.yaml": {Data: fmt.Appendf(nil, "format: 1\nname: up\nsummary: Up\nlicense: Apache-2.0\n"+
		"sources: {main: {dsc: {path: pool/u/up_2-1.dsc, sha256: %q}}}\ndeb: {builder: small, outputs: [up]}\n", digest.Of(dsc).Hex())}}
	files["up/recipe.lock"] = &fstest.MapFile{Data: []byte("format: 1\nsources: {main: {version: \"2-1\", epoch: 1}}\ndeb: {}\n")}
	for _, name := range []string{"yaml", "lock", "packages"} {
		files["builders/small."+name] = &fstest.MapFile{Data: []byte(testenv.SmallBuilder[name])}
	}
	c, err := recipe.LoadCollection(files)
	if err != nil {
		t.Fatal(err)
	}
	r := &realize.Realizer{Store: s, Images: &builder.Maker{Store: s, Recipes: c, Arch: testenv.Arch}, Recipes: c, Arch: testenv.Arch}
	image := realize.Need{Kind: realize.NeedImage, Name: "small", Fetch: 396400, Disk: 4396400}
	want := []realize.Need{image, {Kind: realize.NeedSource, Name: "pool/u/up_2-1.dsc", Fetch: -1}}
	for range 2 {
		p, err := r.Plan(t.Context(), []realize.Target{{Name: "up", Format: recipe.FormatDeb}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Needs(p)
		if diff := cmp.Diff([][]realize.Need{want}, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if _, err := s.PutBytes(dsc); err != nil {
			t.Fatal(err)
		}
		want = []realize.Need{image, {Kind: realize.NeedSource, Name: "pool/u/up_2-1.debian.tar.xz", Fetch: 5}}
	}
}
