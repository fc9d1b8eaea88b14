package recipe

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/store/digest"
)

// needMistakes are those of needs.
func needMistakes() (all []mistake) {
	for _, m := range [...][3]string{
		{"needs none", "[]", "f:12:10: deb.needs: want at least one"},
		{"needs text", "other", "f:12:10: deb.needs: want a list, have text"},
		{"needs number", "[1]", "f:12:11: deb.needs[0]: 1 is a number: quote it"},
		{"needs twice", "[other, other]", "f:12:18: deb.needs[1]: other: stands twice"},
		{"needs file", "[../other]", `f:12:11: deb.needs[0]: name "../other": want lower case letters and digits, joined by single . or -, at most 64`},
		{"needs itself", "[other, xx]", "f:12:18: deb.needs: xx: is this recipe itself"},
	} {
		all = append(all, mistake{m[0], "  debug: drop", "  debug: drop\n  needs: " + m[1], m[2]})
	}
	return all
}

func TestNeeded(t *testing.T) {
	c := fixture(t)
	r := load(t, c, "stamped")
	for f, want := range map[Format][]string{FormatRPM: {"gitted"}, FormatDeb: {"small", "gitted"}, FormatDsc: nil, FormatSRPM: nil} {
		needed, err := c.Needed(r, f)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range needed {
			got = append(got, n.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s needs %q, want %q", f, got, want)
		}
	}
	debs, err := c.Needed(r, FormatDeb)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Provided(debs, FormatDeb), []string{"gitted", "small"}; !slices.Equal(got, want) {
		t.Errorf("provided %q, want %q", got, want)
	}
	rpms, err := c.Needed(r, FormatRPM)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Provided(rpms, FormatRPM), []string{"Gitted", "gitted_2"}; !slices.Equal(got, want) {
		t.Errorf("provided %q, want %q", got, want)
	}
	if got := Provided(nil, FormatDeb); got != nil {
		t.Errorf("provided by nobody %q", got)
	}
	if none, err := c.Needed(load(t, c, "small"), FormatDeb); len(none) > 0 || err != nil {
		t.Errorf("small needs %v, %v", none, err)
	}
}

// TestNeededMistakes: what shows only in the collection.
func TestNeededMistakes(t *testing.T) {
	small := readFixture(t, "small/recipe.yaml")
	recipe := "format: 1\nname: x\nsummary: x\nlicense: MIT\nsources: {main: {path: src}}\n" +
		"rpm: {builder: one, outputs: [x], spec: x.spec, needs: [%s]}\n"
	maker := func(name string) []byte {
		return []byte("format: 1\nname: " + name + "\nsummary: x\nlicense: MIT\nsources: {main: {path: src}}\n" +
			"rpm: {builder: one, outputs: [same], spec: x.spec}\n")
	}
	for _, tc := range []struct{ name, needs, want string }{
		{"unknown", "smal", `recipes/x/recipe.yaml:6:57: rpm.needs: recipe "smal": unknown: did you mean small?`},
		{"no such format", "small", "recipes/x/recipe.yaml:6:57: rpm.needs: small: makes no rpm packages"},
		{"one package twice", "one, two", "recipes/x/recipe.yaml:6:62: rpm.needs: one and two both make package same"},
		{"broken", "broken", "x: rpm: needs broken: recipes/broken/recipe.yaml:1:1: is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mapped(t, fstest.MapFS{
				"small/recipe.yaml": {Data: small}, "broken/recipe.yaml": {},
				"x/recipe.yaml":   {Data: fmt.Appendf(nil, recipe, tc.needs)},
				"one/recipe.yaml": {Data: maker("one")}, "two/recipe.yaml": {Data: maker("two")},
			})
			c.Dir = "recipes"
			r := load(t, c, "x")
			all, err := c.Needed(r, FormatRPM)
			says(t, err, tc.want)
			if all != nil {
				t.Error("recipes nevertheless")
			}
			if all, err := c.Needed(r, FormatSRPM); len(all) > 0 || err != nil {
				t.Errorf("a source package needs %v, %v", all, err)
			}
		})
	}
}

// TestCloseNeeds: each needed recipe stands in the derivation by one digest.
func TestCloseNeeds(t *testing.T) {
	for name, needs := range map[string]map[string]Needed{
		"none at all": nil,
		"one lacks":   {"small": {Output: digest.Of(nil)}},
		"zero":        {"small": {Output: digest.Of(nil)}, "gitted": {}},
		"both":        {"small": {Output: digest.Of(nil)}, "gitted": {Output: digest.Of(nil), Plan: digest.KeyOf(nil)}},
	} {
		r, f, in := prepared(t, fixture(t), "stamped-deb")
		in.Needs = needs
		_, err := Close(r, f, AMD64, in)
		want := "recipe stamped: deb: needs gitted: no digest"
		if name == "none at all" {
			want = "recipe stamped: deb: needs small: no digest"
		}
		says(t, err, want)
	}
}
