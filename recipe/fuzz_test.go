package recipe

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

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
	names := []string{"full", "small", "dsc", "gitted", "stamped", "hello", "tree", "fuel-library", "fuel-web"}
	for _, name := range names[:5] {
		addAll(f, "testdata/collection/"+name+"/recipe.yaml")
	}
	for _, name := range names[5:] {
		addAll(f, "../recipes/"+name+"/recipe.yaml")
	}
	f.Add([]byte(respelled))
	f.Add([]byte(varied))
	named := regexp.MustCompile(`(?m)^name: ([a-z0-9.-]+)`)
	f.Fuzz(func(t *testing.T, data []byte) {
		name := "xx"
		if m := named.FindSubmatch(data); m != nil {
			name = string(m[1])
		}
		if bytes.Contains(data, []byte("  loud:")) {
			name += "+loud"
		}
		r, err := parseRecipe("f", name, data)
		var unknown *UnknownError
		if errors.As(err, &unknown) && unknown.Name == "loud" {
			return
		}
		if err != nil {
			placed(t, err)
			return
		}
		in := fits(t, r)
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
			for file, source := range d.Archives {
				if _, err := parseTarball(file); err != nil || len(r.Parts(source)) == 0 {
					t.Errorf("%s of %s: %v", file, source, err)
				}
			}
			for _, e := range d.Edits {
				if _, err := parseInside(e.File); err != nil || e.Count < 1 || e.Line == "" {
					t.Errorf("%+v, %v", e, err)
				}
			}
		}
	})
}

// fits gives a recipe a lock, returns inputs that it closes with, and checks that its
// sources reach nowhere outside.
func fits(t *testing.T, r *Recipe) Inputs {
	t.Helper()
	in := Inputs{
		Builder: digest.Of([]byte("builder")), Sandbox: 1, Changelog: Stamp{"1", 1}, Trees: map[string]digest.Digest{}, Needs: map[string]Needed{},
	}
	r.Lock = &Lock{Sources: map[string]Locked{}, Deb: &BuildLock{}, RPM: &BuildLock{}}
	for name, s := range r.Sources {
		var err error
		switch s := s.(type) {
		case Path:
			in.Trees[name] = digest.Of([]byte(name))
			_, err = parseInside(s.Path)
		case Dsc:
			r.Lock.Sources[name] = Locked{Version: s.version(), Epoch: 1}
			in.Changelog = Stamp{}
			_, err = parsePool(s.Path)
		case Git:
			r.Lock.Sources[name] = Locked{Version: "1", Epoch: 1, Ref: s.Ref, Commit: s.Ref, Tree: digest.Of(nil)}
			if name == Main {
				in.Changelog = Stamp{}
			}
			err = CheckGit(s)
		}
		if err != nil {
			t.Error(err)
		}
	}
	for _, f := range r.Formats() {
		for _, name := range r.Build(f).Needs {
			in.Needs[name] = Needed{Output: digest.Of(nil)}
		}
	}
	return in
}

func FuzzLock(f *testing.F) {
	addAll(f, "testdata/collection/dsc/recipe.lock", "testdata/collection/gitted/recipe.lock", "testdata/collection/stamped/recipe.lock", "../recipes/tree/recipe.lock")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []Source{Dsc{}, Git{}} {
			r := &Recipe{Sources: map[string]Source{Main: s, "modules/alpha": Git{}, "1.0": Git{}}}
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

// FuzzScheme: what is accepted has a template for a merged source, and can be part of
// a version.
func FuzzScheme(f *testing.F) {
	addAll(f, "testdata/collection/schemes/counted.yaml", "../recipes/schemes/fuel.yaml")
	f.Add([]byte(schemeBase))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"counted", "fuel", "xx"} {
			s, err := parseScheme("f", name, data)
			if err != nil {
				placed(t, err)
				continue
			}
			for _, f := range []Format{FormatDeb, FormatRPM} {
				all := s.templates(f)
				if _, ok := all[Merged]; len(all) > 0 && !ok {
					t.Errorf("%s: %+v", f, all)
				}
				for _, one := range all {
					v := variables
					if strings.Contains(one.Version+one.Release, "%{tag}") {
						v.Pinned.Ref, v.Pinned.Kind = "1", RefTag
					}
					version, release, err := one.Expand(v)
					if err == nil && (!revisionForm.match(version) && version != "" || !revisionForm.match(release)) {
						t.Errorf("%s: %+v: %q %q", f, one, version, release)
					}
				}
			}
		}
	})
}

// FuzzSet: what is accepted names the same files to everybody, and nothing outside.
func FuzzSet(f *testing.F) {
	addAll(f, "../recipes/stand-ins.set.yaml")
	f.Add([]byte("format: 1\nsources: {x/y/Z: {git: 'https://x.example/y', ref: " + setCommit + "}, z: {dsc: {path: pool/x/xy_1.dsc, sha256: " + strings.Repeat("a", 64) + "}}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSet("f", data)
		if err != nil {
			placed(t, err)
			return
		}
		for name, source := range s.Sources {
			if again, err := ParseSourceName(name.String()); again != name || err != nil {
				t.Errorf("%+v: %v", name, err)
			}
			switch source := source.(type) {
			case Path:
				_, err = parseInside(source.Path)
			case Git:
				if err = CheckGit(source); !IsCommit(source.Ref) {
					t.Errorf("%s: ref %s", name, source.Ref)
				}
			case Dsc:
				_, err = parseDscPath(source.Path)
			default:
				t.Errorf("%s: %v", name, source)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
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
		"testdata/derivations/1/gitted.txt", "testdata/derivations/1/stamped.txt")
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

// FuzzProfile: what is accepted puts nothing outside of the home, nor over what is
// pbuild's to say.
func FuzzProfile(f *testing.F) {
	addAll(f, "../recipes/profiles/python2-deb.yaml", "../recipes/profiles/python2-rpm.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseProfile("f", "python2-deb", data)
		if err != nil {
			placed(t, err)
			return
		}
		for name := range p.Home {
			if _, err := parseInside(name); err != nil {
				t.Error(err)
			}
		}
		for name := range p.Files {
			if _, err := parsePlace(name); err != nil {
				t.Error(err)
			}
		}
		for name := range p.Defines {
			if _, err := parseMacro(name); err != nil || slices.Contains(reservedDefines, name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// FuzzDependencies: what is accepted maps names to packages.
func FuzzDependencies(f *testing.F) {
	addAll(f, "../recipes/dependencies.yaml")
	f.Add([]byte("a: [b, c++]\nperl(X::Y): {none: because}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := LoadCollection(fstest.MapFS{DependenciesName: {Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.Dependencies()
		if err != nil {
			return // too long, or with a place
		}
		for name, to := range d.All() {
			_, err := parseDependency(name)
			for _, p := range to {
				_, wrong := parsePackage(p)
				err = errors.Join(err, wrong)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
}
