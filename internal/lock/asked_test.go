package lock_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/recipe"
)

// asking is a source of both formats that asks for packages which the archive has not.
func asking(name string) map[string]string {
	files := packaging(name)
	files["debian/control"] = strings.Replace(files["debian/control"], "\n\n", "\nBuild-Depends: base (>= 2), base-doc | base\n\n", 1)
	files[name+".spec"] = strings.Replace(files[name+".spec"], "%description", "BuildRequires: base >= 2, base-doc\nBuildRequires: base(made up)\n%description", 1)
	return files
}

const askingRecipe = `format: 1
name: asking
summary: Made up
license: Apache-2.0
sources: {main: {git: "MAIN", ref: main}}
rpm:
  builder: debian-12-rpm
  spec: asking.spec
  outputs: [asking]
deb:
  builder: debian-12-deb
  outputs: [asking]
`

// TestLockEdits: what a recipe edits away is asked for by nobody, and looked for
// nowhere.
func TestLockEdits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main := newRepository(t)
	main.Commit("main", "first", asking("asking"))
	b.put("asking", map[string]string{"recipe.yaml": replaced(askingRecipe, "MAIN", main.URL,
		"  spec: asking.spec\n", "  spec: asking.spec\n  edits:\n    asking.spec:\n"+
			"      - {delete: \"BuildRequires: base >= 2, base-doc\"}\n      - {replace: \"BuildRequires: base(made up)\", with: \"# none\"}\n",
		"  builder: debian-12-deb\n", "  builder: debian-12-deb\n  edits: {debian/control: [{delete: \"Build-Depends: base (>= 2), base-doc | base\"}]}\n")})
	res := b.lock("asking", false)
	if text := string(res.Lock.Text()); !strings.HasSuffix(text, "\nrpm: {}\ndeb: {}\n") || len(res.Lists) > 0 {
		t.Errorf("lock\n%s", text)
	}
	notes := []string{"rpm: the builder holds all that is asked for", "deb: the builder holds all that is asked for"}
	if !slices.Equal(res.Notes[1:], notes) {
		t.Errorf("notes %q", res.Notes)
	}
	if err := b.Stale(t.Context(), "asking"); err != nil {
		t.Errorf("stale: %v", err)
	}
}

// TestLockNeeds: packages of a needed recipe stand for none that would have to be
// found; another than its output is still asked for.
func TestLockNeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	main := newRepository(t)
	files := asking("asking")
	files["asking.spec"] = strings.Replace(files["asking.spec"], "BuildRequires: base(made up)\n", "", 1)
	main.Commit("main", "first", files)
	b.put("base", map[string]string{"recipe.yaml": "format: 1\nname: base\nsummary: Made up\nlicense: Apache-2.0\nsources: {main: {path: src}}\n" +
		"rpm: {builder: debian-12-rpm, spec: base.spec, outputs: [base, base-doc]}\ndeb: {builder: debian-12-deb, outputs: [base, base-doc]}\n"})
	yaml := replaced(askingRecipe, "MAIN", main.URL, "  outputs: [asking]\n", "  needs: [base]\n  outputs: [asking]\n")
	b.put("asking", map[string]string{"recipe.yaml": yaml})
	res := b.lock("asking", false)
	text := string(res.Lock.Text())
	_, text, _ = strings.Cut(text, "\nrpm:")
	want := `
  depends:
    - "base >= 2"
    - "base-doc"
  mapped:
    "base": []
    "base-doc": []
deb:
  depends:
    - "base (>= 2)"
    - "base-doc | base"
  mapped:
    "base": []
    "base-doc": []
`
	if diff := cmp.Diff(want, text); diff != "" || len(res.Lists) > 0 {
		t.Error(diff)
	}
	notes := []string{"rpm: the builder holds all that is asked for", "deb: the builder holds all that is asked for"}
	if !slices.Equal(res.Notes[1:], notes) {
		t.Errorf("notes %q", res.Notes)
	}

	// The lock fits only as long as the recipe needs what brings them.
	b.put("asking", map[string]string{"recipe.yaml": replaced(yaml, "  needs: [base]\n", "")})
	err := b.Stale(t.Context(), "asking")
	var lines []string
	for _, f := range []recipe.Format{recipe.FormatRPM, recipe.FormatDeb} {
		lines = append(lines, fmt.Sprintf("recipe asking: %s: recipe.lock does not fit: ", f))
	}
	if got := strings.Split(fmt.Sprint(err), "\n"); len(got) != 2 || !strings.HasPrefix(got[0], lines[0]) || !strings.HasPrefix(got[1], lines[1]) {
		t.Errorf("stale: %v", err)
	}
}
