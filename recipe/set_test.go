package recipe

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

const setCommit = "1f2e3d4c5b6a79880123456789abcdef01234567"

func TestSourceName(t *testing.T) {
	for text, want := range map[string]SourceName{
		"fuel-library":                {"fuel-library", "main"},
		"fuel-library/modules":        {"fuel-library", "modules"},
		"fuel-library/modules/stdlib": {"fuel-library", "modules/stdlib"},
		"main/data":                   {"main", "data"},
		"x/modules/Beta_2":            {"x", "modules/Beta_2"},
	} {
		got, err := ParseSourceName(text)
		if got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%s printed as %s", text, got)
		}
	}
	const name = ": want lower case letters and digits, joined by single . or -, at most 64"
	for text, want := range map[string]string{
		"":          `name ""` + name,
		"X":         `name "X"` + name,
		"x/":        `name ""` + name,
		"/x":        `name ""` + name,
		"x/Y":       `name "Y"` + name,
		"x/main":    "source main: want the recipe's name alone",
		"x/main/a":  "source main/a: want the recipe's name alone",
		"x/y/":      `name "": want a letter, then letters, digits and . _ -, at most 64`,
		"x/y/z/a":   `name "z/a": want a letter, then letters, digits and . _ -, at most 64`,
		"x/y/..":    `name "..": want a letter, then letters, digits and . _ -, at most 64`,
		"builders":  `name "builders": is a folder of the collection`,
		"../x/main": `name ".."` + name,
	} {
		_, err := ParseSourceName(text)
		says(t, err, want)
	}
}

// FuzzSourceName: what is accepted is printed back to the byte.
func FuzzSourceName(f *testing.F) {
	for _, s := range []string{"fuel-library", "fuel-library/modules/stdlib", "x/main", "x/y/", "x/y/Z_1", "x/main/a", "/", "", "a+b/c", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSourceName(s)
		if err != nil {
			return
		}
		if n.String() != s {
			t.Errorf("%q printed as %q", s, n.String())
		}
		if again, err := ParseSourceName(n.String()); again != n || err != nil {
			t.Errorf("%q: %+v, then %+v, %v", s, n, again, err)
		}
		if strings.Contains(n.Recipe, "/") || n.Source == "" {
			t.Errorf("%q: %+v", s, n)
		}
	})
}

func TestSet(t *testing.T) {
	s, err := ParseSet("x.set.yaml", []byte("format: 1\nsummary: x\nsources:\n  zz: {path: stand-in}\n  stamped/modules/alpha: {path: other}\n"+
		"  stamped: {git: 'https://x.example/y', mirrors: ['https://z.example/y'], ref: "+setCommit+"}\n"+
		"  dsc: {dsc: {path: pool/main/xx/xx_1-1.dsc, sha256: "+strings.Repeat("a", 64)+"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := digest.ParseHex(strings.Repeat("a", 64))
	want := map[SourceName]Source{
		{"zz", "main"}:               Path{"stand-in"},
		{"stamped", "modules/alpha"}: Path{"other"},
		{"stamped", "main"}:          Git{URL: "https://x.example/y", Mirrors: []string{"https://z.example/y"}, Ref: setCommit},
		{"dsc", "main"}:              Dsc{"pool/main/xx/xx_1-1.dsc", sum},
	}
	if d := cmp.Diff(want, s.Sources); d != "" {
		t.Error(d)
	}
	names := []SourceName{{"dsc", "main"}, {"stamped", "main"}, {"stamped", "modules/alpha"}, {"zz", "main"}}
	if got := s.Names(); !slices.Equal(got, names) {
		t.Errorf("names %v, want %v", got, names)
	}
	says(t, s.Check(fixture(t)), `x.set.yaml:4:3: sources: recipe "zz": unknown`)
}

func TestSetMistakes(t *testing.T) {
	for _, c := range []struct{ name, sources, want string }{
		{"none", "", "f:1:1: sources: missing"},
		{"branch", "sources: {x: {git: 'https://x.example/y', ref: main}}", `f:2:14: sources.x: ref "main": want a full commit id, which names the same files to everybody`},
		{"no ref", "sources: {x: {git: 'https://x.example/y'}}", "f:2:14: sources.x.ref: missing"},
		{"bad ref", "sources: {x: {git: 'https://x.example/y', ref: a..b}}", `f:2:48: sources.x.ref: ref "a..b": want a commit, a branch or a tag`},
		{"name", "sources: {X: {path: x}}", `f:2:11: sources.X: name "X": want lower case letters and digits, joined by single . or -, at most 64`},
		{"main", "sources: {x/main: {path: x}}", "f:2:11: sources.x/main: source main: want the recipe's name alone"},
		{"pack", "sources: {x/y: {pack: {a: {path: x}}}}", `f:2:17: sources.x/y: unknown field "pack": known are path, git, mirrors, ref, submodules`},
		{"dsc of another", "sources: {x/y: {dsc: {}}}", `f:2:17: sources.x/y: unknown field "dsc": known are path, git, mirrors, ref, submodules`},
		{"no kind", "sources: {x: {}}", "f:2:14: sources.x: want path or git or dsc"},
		{"outside", "sources: {x: {path: ../x}}", `f:2:21: sources.x.path: path "../x": leads outside`},
		{"patches", "sources: {x: {path: x}}\npatches: {}", `f:3:1: unknown field "patches": known are format, summary, sources`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSet("f", []byte("format: 1\n"+c.sources+"\n"))
			says(t, err, c.want)
			if s != nil {
				t.Error("a set nevertheless")
			}
		})
	}
}

// TestSetCheck: what the collection has not, or a recipe.
func TestSetCheck(t *testing.T) {
	for in, want := range map[string]string{
		"smal":             `f:2:11: sources: recipe "smal": unknown: did you mean small?`,
		"stamped/dat":      `f:2:11: sources: source of stamped "dat": unknown: did you mean data?`,
		"stamped/modules":  `f:2:11: sources: source of stamped "modules": unknown: did you mean modules/Beta_2 or modules/alpha?`,
		"small/other/more": `f:2:11: sources: source of small "other/more": unknown`,
		"small":            "", "stamped/modules/alpha": "", "stamped/data": "",
	} {
		s, err := ParseSet("f", []byte("format: 1\nsources: {"+in+": {path: x}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Check(fixture(t)); want != "" {
			says(t, err, want)
			if !errors.As(err, new(*UnknownError)) {
				t.Errorf("%s: no *UnknownError", in)
			}
		} else if err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestSetsFor(t *testing.T) {
	set := func(text string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("format: 1\nsources: {" + text + "}\n")}
	}
	c := mapped(t, fstest.MapFS{
		"a.set.yaml": set("x: {path: in}, y: {path: in}"), "b.set.yaml": set("x/data: {path: in}"), "c.set.yaml": set("x: {git: 'https://x.example/y', ref: " + setCommit + "}"),
		"d.set.yaml": set("x: {path: other}"), "bad.set.yaml": set("x: {path: /etc}"), "x/recipe.yaml": {}, "x/e.set.yaml": set("x: {path: in}"), "f.yaml": set("x: {path: in}"),
	})
	c.Dir = "recipes"
	if got, want := c.SetsFor("x"), []string{"recipes/a.set.yaml", "recipes/d.set.yaml"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := c.SetsFor("data"); got != nil {
		t.Errorf("%q for another recipe", got)
	}
}

// TestReplace: another source in the place of one of a recipe's, whose own is as before
// to everybody else.
func TestReplace(t *testing.T) {
	c := fixture(t)
	r := load(t, c, "stamped")
	sources, lock := r.Sources, r.Lock
	git := Git{URL: "https://x.example/y", Ref: setCommit}
	if err := r.Replace("data", git, &Locked{Ref: setCommit, Commit: setCommit, Tree: digest.Of(nil), Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(r.Sources["data"], Source(git)) || r.Lock.Sources["data"].Commit != setCommit || len(r.Lock.Sources) != 3 || r.Lock.RPM != lock.RPM {
		t.Errorf("%+v %+v", r.Sources, r.Lock)
	}
	if err := r.Replace(Main, Path{"stand-in"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, locked := r.Lock.Sources[Main]; locked || !cmp.Equal(r.Sources[Main], Source(Path{"stand-in"})) {
		t.Errorf("%+v %+v", r.Sources, r.Lock)
	}
	before := load(t, c, "stamped")
	if d := cmp.Diff(before.Sources, sources); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before.Lock, lock); d != "" {
		t.Error(d)
	}
	says(t, r.Replace("mian", git, nil), `source of stamped "mian": unknown: did you mean main?`)
	says(t, r.Replace(Main, Dsc{}, nil), "recipe stamped: a Debian source package makes no rpm")
}
