package recipe

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

// versionMistakes are those of version.
func versionMistakes() []mistake {
	dsc := "sources: {main: {dsc: {path: pool/main/xx/xx_1-1.dsc, sha256: " + strings.Repeat("1", 63) + "a}}}"
	return []mistake{
		{"version number", "license: MIT", "license: MIT\nversion: 8.0", "f:5:10: version: 8.0 is a number: quote it"},
		{"version", "license: MIT", "license: MIT\nversion: 8.0~rc1", `f:5:10: version: a scheme's name "8.0~rc1": want lower case letters and digits, joined by single . or -, at most 64`},
		{
			"version of dsc", "sources: {main: {path: src}}", "version: fuel\n" + dsc, "f:5:10: version: a Debian source package has its own: leave it out\n" +
				"f:9:11: deb.debian: a Debian source package brings its own: leave it out",
		},
	}
}

// schemeBase is a valid scheme.
const schemeBase = `format: 1
name: xx
summary: A scheme
deb:
  merged: {release: "1+%{count}"}
  folder: {version: "%{version}+1", release: "0"}
rpm:
  merged: {version: "%{tag}", release: "1.%{count}"}
`

// schemeMistakes replace one piece of schemeBase.
func schemeMistakes() []mistake {
	const merged, folder, rpm = `{release: "1+%{count}"}`, `{version: "%{version}+1", release: "0"}`, `{version: "%{tag}", release: "1.%{count}"}`
	return []mistake{
		{"unknown field", "name: xx", "name: xx\nlicense: MIT", `f:3:1: unknown field "license": known are format, name, summary, deb, rpm`},
		{"other name", "name: xx", "name: y", `f:2:7: name: "y": the file says "xx"`},
		{"no summary", "summary: A scheme\n", "", "f:1:1: summary: missing"},
		{"newer format", "format: 1", "format: 2", "f:1:9: format: 2: newer than this pbuild, which reads 1"},
		{"nothing stamped", schemeBase[strings.Index(schemeBase, "deb:"):], "", "f:1:1: deb or rpm: missing: at least one says what is stamped"},
		{"no merged", "  merged: " + merged + "\n", "", "f:5:3: deb.merged: missing"},
		{"unknown origin", "  folder: ", "  foldre: ", `f:6:3: deb: unknown field "foldre": did you mean folder?`},
		{"origin text", merged, "1", "f:5:11: deb.merged: want a mapping, have a number"},
		{"no release", merged, "{}", "f:5:11: deb.merged.release: missing"},
		{"release number", folder, "{release: 0}", "f:6:21: deb.folder.release: 0 is a number: quote it"},
		{"release empty", folder, "{release: ''}", `f:6:21: deb.folder.release: "": want a-z A-Z 0-9 . + ~ and variables such as %{count}`},
		{"release with a hyphen", folder, "{release: 1-2}", `f:6:21: deb.folder.release: "1-2": want a-z A-Z 0-9 . + ~ and variables such as %{count}`},
		{"release with a macro", rpm, "{release: '1%{?dist}'}", `f:8:21: rpm.merged.release: %{?dist}: unknown: known are count, next, commit, short, branch, tag, date, tree`},
		{"percent", folder, "{release: '1%'}", `f:6:21: deb.folder.release: "1%": want a-z A-Z 0-9 . + ~ and variables such as %{count}`},
		{"without an end", folder, "{release: '1%{tree'}", "f:6:21: deb.folder.release: %{tree: without an end"},
		{"near", folder, "{release: '%{treee}'}", "f:6:21: deb.folder.release: %{treee}: unknown: did you mean tree?"},
		{"nested", folder, "{release: '%{%{tree}}'}", "f:6:21: deb.folder.release: %{%{tree}: unknown: known are count, next, branch, tag, tree"},
		{"commit of a folder", folder, "{release: '%{commit}'}", "f:6:21: deb.folder.release: %{commit}: unknown: known are count, next, branch, tag, tree"},
		{"version in a release", folder, "{release: '%{version}'}", "f:6:21: deb.folder.release: %{version}: unknown: known are count, next, branch, tag, tree"},
		{"version of an rpm", rpm, "{version: '%{version}', release: '1'}", "f:8:21: rpm.merged.version: %{version}: unknown: known are count, next, commit, short, branch, tag, date, tree"},
		{"version with an epoch", folder, "{version: '1:%{version}', release: '1'}", `f:6:21: deb.folder.version: "1:%{version}": want a-z A-Z 0-9 . + ~ and variables such as %{count}`},
	}
}

func TestSchemeMistakes(t *testing.T) {
	if _, err := parseScheme("f", "xx", []byte(schemeBase)); err != nil {
		t.Fatal(err)
	}
	for _, m := range schemeMistakes() {
		t.Run(m.name, func(t *testing.T) {
			s, err := parseScheme("f", "xx", m.in(t, schemeBase))
			says(t, err, m.want)
			if s != nil {
				t.Error("a scheme nevertheless")
			}
		})
	}
}

func TestScheme(t *testing.T) {
	got := load(t, fixture(t), "stamped").Scheme
	want := &Scheme{
		Name: "counted",
		Deb: map[Origin]Template{
			Merged:   {"%{version}", "1~x+%{count}"},
			Unmerged: {"%{version}+git%{date}.%{short}", "%{next}"},
			Folder:   {"%{version}+%{tag}", "0.%{tree}"},
		},
		RPM: map[Origin]Template{
			Merged:   {"%{tag}", "1.%{count}"},
			Unmerged: {"", "1.%{next}.git.%{commit}"},
			Folder:   {"%{tag}+next", "0.%{tree}.%{count}"},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s := load(t, fixture(t), "small").Scheme; s != nil {
		t.Errorf("without version: %+v", s)
	}
}

// TestSchemeUnknown: what shows only in the collection is told where the recipe names
// the scheme; a mistake in the scheme where that stands.
func TestSchemeUnknown(t *testing.T) {
	recipe := []byte("format: 1\nname: x\nsummary: x\nlicense: MIT\nsources: {main: {path: src}}\nversion: fule\ndeb: {builder: one, outputs: [xx]}\n")
	for _, tc := range []struct{ file, text, want string }{
		{"schemes/fuel.yaml", schemeBase, `recipes/x/recipe.yaml:6:10: version: scheme "fule": unknown: did you mean fuel?`},
		{"fule.yaml", schemeBase, `recipes/x/recipe.yaml:6:10: version: scheme "fule": unknown`},
		{"schemes/fule.yaml", schemeBase, `recipes/schemes/fule.yaml:2:7: name: "xx": the file says "fule"`},
		{"schemes/fule.yaml/x", "", "recipes/schemes/fule.yaml: is no regular file"},
	} {
		c := mapped(t, fstest.MapFS{"x/recipe.yaml": {Data: recipe}, tc.file: {Data: []byte(tc.text)}})
		c.Dir = "recipes"
		r, err := c.Recipe("x")
		says(t, err, tc.want)
		var unknown *UnknownError
		if want := strings.Contains(tc.want, "unknown"); r != nil || errors.As(err, &unknown) != want {
			t.Errorf("recipe %v, unknown %v", r, unknown)
		}
	}
}

// fuel is what the committed scheme makes of a recipe of Fuel at a tag.
func fuel(t *testing.T, name string, tag Locked, f Format, given *Locked) *Derivation {
	t.Helper()
	r := load(t, open(t, "../recipes"), name)
	changeGit(r, func(g *Git) { g.Ref = tag.Ref })
	r.Lock.Sources[Main] = tag
	in := Inputs{Builder: digest.Of([]byte("builder")), Sandbox: 1, Pinned: r.Pinned()}
	if given != nil {
		if err := r.Replace(Main, Git{URL: "https://one.example/fork", Ref: given.Ref}, given); err != nil {
			t.Fatal(err)
		}
		in.Given = []string{Main}
	}
	d, err := Close(r, f, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFuelVersions: the committed scheme stamps as Fuel's release engineers did.
func TestFuelVersions(t *testing.T) {
	tree := digest.Of([]byte("tree"))
	agent := Locked{Version: "9.0.0-1", Epoch: 1463000000, Ref: "9.0", Kind: RefTag, Commit: "5c0d1e2f" + strings.Repeat("0", 32), Tree: tree, Count: 273}
	astute := agent
	astute.Count = 739
	review := Locked{Version: "9.0.0-1", Epoch: 1463000001, Commit: "c0ffee1" + strings.Repeat("2", 33), Tree: digest.Of(nil)}
	review.Ref = review.Commit
	for _, tc := range []struct {
		name                  string
		at                    Locked
		given                 *Locked
		version, own, release string
	}{
		{"fuel-agent", agent, nil, "9.0.0-1~u14.04+mos273", "9.0.0-1", "1.mos273"},
		{"fuel-astute", astute, nil, "9.0.0-1~u14.04+mos739", "9.0.0-1", "1.mos739"},
		{"fuel-agent", agent, &review, "9.0.0-1~u14.04+mos274+git.c0ffee1", "9.0.0-1", "1.mos274.git.c0ffee1"},
		{"fuel-agent", agent, &agent, "9.0.0-1~u14.04+mos273", "9.0.0-1", "1.mos273"},
	} {
		deb, rpm := fuel(t, tc.name, tc.at, FormatDeb, tc.given), fuel(t, tc.name, tc.at, FormatRPM, tc.given)
		if deb.Stamp.Version != tc.version || deb.Own != tc.own || deb.Release != "" {
			t.Errorf("%s: deb %s, own %s, release %q, want %s, %s", tc.name, deb.Stamp.Version, deb.Own, deb.Release, tc.version, tc.own)
		}
		if rpm.Release != tc.release || rpm.Stamp.Version != "" || rpm.Own != "" {
			t.Errorf("%s: rpm release %s, version %q, own %q, want %s", tc.name, rpm.Release, rpm.Stamp.Version, rpm.Own, tc.release)
		}
		for _, d := range []*Derivation{deb, rpm} {
			if d.Sources[Main].Kind != GitInput {
				t.Errorf("%s: %+v", tc.name, d.Sources)
			}
		}
	}
}
