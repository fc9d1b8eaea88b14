package recipe

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// addAll adds the committed files as seeds.
func addAll(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// placed fails unless err says where in the file it is.
func placed(t *testing.T, err error) {
	t.Helper()
	var e *yamldoc.Error
	if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
		t.Errorf("%v: without a place", err)
	}
}

// FuzzRecipe: what is accepted closes into a derivation that reads back, and
// says nothing that reaches outside.
func FuzzRecipe(f *testing.F) {
	addAll(f, "testdata/collection/dsc/recipe.yaml", "testdata/collection/full/recipe.yaml", "testdata/collection/small/recipe.yaml",
		"testdata/collection/gitted/recipe.yaml",
		"../recipes/hello/recipe.yaml", "../recipes/tree/recipe.yaml")
	f.Add([]byte(respelled))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r *Recipe
		var err error
		for _, name := range []string{"full", "small", "dsc", "gitted", "hello", "tree"} {
			if r, err = parseRecipe("f", name, data); err == nil {
				break
			}
		}
		if err != nil {
			placed(t, err)
			return
		}
		in := inputs("full")
		in.Asked = nil
		r.Lock = &Lock{Deb: &BuildLock{}, RPM: &BuildLock{}}
		switch s := r.Sources[Main].(type) {
		case Dsc:
			r.Lock.Sources = map[string]Locked{Main: {Version: s.version(), Epoch: 1}}
			in.Changelog, in.Trees = Stamp{}, nil
			if _, err := parsePool(s.Path); err != nil {
				t.Error(err)
			}
		case Git:
			l := Locked{Version: "1", Epoch: 1, Ref: s.Ref, Commit: s.Ref, Tree: digest.Of(nil)}
			r.Lock.Sources = map[string]Locked{Main: l}
			in.Changelog, in.Trees = Stamp{}, nil
			if _, err := parseGitURL(s.URL); err != nil {
				t.Error(err)
			}
		}
		for _, f := range r.Formats() {
			d, err := Close(r, f, AMD64, in)
			if err != nil {
				t.Fatal(err)
			}
			fields, err := ParseDerivation(d.Text())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.Fields(), fields); diff != "" {
				t.Error(diff)
			}
		}
		if p, ok := r.Sources[Main].(Path); ok {
			if _, err := parseInside(p.Path); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzLock(f *testing.F) {
	addAll(f, "testdata/collection/dsc/recipe.lock", "testdata/collection/gitted/recipe.lock", "../recipes/tree/recipe.lock")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []Source{Dsc{}, Git{}} {
			r := &Recipe{Sources: map[string]Source{Main: s}}
			l, err := parseLock("f", data, r)
			if err != nil {
				placed(t, err)
				continue
			}
			again, err := parseLock("f", l.Text(), r)
			if err != nil {
				t.Fatalf("%v\n%s", err, l.Text())
			}
			if d := cmp.Diff(l, again, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		}
	})
}

func FuzzBuilder(f *testing.F) {
	addAll(f, "testdata/collection/builders/one.yaml", "testdata/collection/builders/two.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := parseBuilder("f", "one", data); err != nil {
			placed(t, err)
		} else if b.Name != "one" || b.Suite == "" || len(b.Packages) == 0 {
			t.Errorf("%+v", b)
		}
	})
}

// FuzzBuilderLock: what is accepted is printed to what reads the same.
func FuzzBuilderLock(f *testing.F) {
	addAll(f, "testdata/collection/builders/one.lock")
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseBuilderLock("f", "bookworm", data)
		if err != nil {
			placed(t, err)
			return
		}
		again, err := parseBuilderLock("f", "bookworm", l.Text())
		if err != nil {
			t.Fatalf("%v\n%s", err, l.Text())
		}
		if d := cmp.Diff(l, again); d != "" {
			t.Error(d)
		}
	})
}

// FuzzPackages: what is accepted is written back to the byte.
func FuzzPackages(f *testing.F) {
	addAll(f, "testdata/collection/builders/one.packages")
	f.Add([]byte(""))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParsePackages(bytes.NewReader(data))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := WritePackages(&b, list); err != nil || !bytes.Equal(b.Bytes(), data) {
			t.Errorf("%q, %v", b.Bytes(), err)
		}
	})
}

// FuzzDerivation: what is accepted is printed back to the byte.
func FuzzDerivation(f *testing.F) {
	addAll(f, "testdata/derivations/1/dsc.txt", "testdata/derivations/1/full.txt", "testdata/derivations/1/small.txt",
		"testdata/derivations/1/gitted.txt")
	f.Add([]byte(header() + "x \"\\x00\\n\\\"\\\\\" \"\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := ParseDerivation(data)
		if err != nil {
			return
		}
		if got := printFields(fields); !bytes.Equal(got, data) {
			t.Errorf("%q printed as %q", data, got)
		}
	})
}
