package realize_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

func withCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}

// TestTargets: a name is a recipe, else a package that one recipe makes.
func TestTargets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name := range b.files { // but for three, what is committed is another matter
		if strings.HasPrefix(name, "fuel-") && !strings.HasPrefix(name, "fuel-agent/") || strings.HasPrefix(name, "python-") {
			delete(b.files, name)
		}
	}
	b.write("apple", made{outputs: "apple, fruit, pear"})
	b.write("pear", made{outputs: "plum, fruit"})
	for _, tc := range []struct {
		names []string
		all   bool
		want  []string
	}{
		{[]string{"apple"}, false, []string{"apple deb"}},
		{[]string{"pear"}, false, []string{"pear deb"}}, // a recipe, although another one makes a package of the name
		{[]string{"plum"}, false, []string{"pear deb"}},
		{[]string{"plum", "apple", "pear"}, false, []string{"pear deb", "apple deb"}},
		{[]string{"hello"}, false, []string{"hello rpm", "hello deb"}},
		{nil, true, []string{"apple deb", "fuel-agent rpm", "fuel-agent deb", "hello rpm", "hello deb", "pear deb", "tree deb"}},
	} {
		got, err := b.Targets(tc.names, tc.all, "")
		var names []string
		for _, target := range got {
			names = append(names, target.Name+" "+string(target.Format))
		}
		if err != nil || !slices.Equal(names, tc.want) {
			t.Errorf("%q: got %q, %v", tc.names, names, err)
		}
	}
	var unknown *recipe.UnknownError
	if _, err := b.Targets([]string{"helo"}, false, ""); !errors.As(err, &unknown) || err.Error() != `recipe "helo": unknown: did you mean hello?` {
		t.Errorf("unknown: %v", err)
	}
	var ambiguous *realize.AmbiguousError
	_, err := b.Targets([]string{"fruit"}, false, "")
	if !errors.As(err, &ambiguous) || cmp.Diff(&realize.AmbiguousError{Name: "fruit", Recipes: []string{"apple", "pear"}}, ambiguous) != "" ||
		err.Error() != `"fruit": made by several recipes: apple, pear` {
		t.Errorf("ambiguous: %v", err)
	}
	if _, err := b.Targets([]string{"tree"}, false, recipe.FormatRPM); err == nil || err.Error() != "tree: has no rpm section" {
		t.Errorf("rpm: %v", err)
	}
	got, err := b.Targets(nil, true, recipe.FormatRPM)
	if err != nil || len(got) != 2 || got[0].Name != "fuel-agent" || got[1].Name != "hello" || got[0].Format != recipe.FormatRPM {
		t.Errorf("all rpm: %v, %v", got, err)
	}
	for _, name := range []string{"fuel-agent", "hello"} {
		delete(b.files, name+"/recipe.yaml")
	}
	b.reload()
	if _, err := b.Targets(nil, true, recipe.FormatRPM); !errors.Is(err, realize.ErrNoRecipes) || err.Error() != "no recipes with rpm packages in recipes" {
		t.Errorf("no rpm: %v", err)
	}
}

// TestBadRecipes: what can't be read is an error for who asks for it, for who
// asks for all, and where it may be the answer; and it is named each time.
func TestBadRecipes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("apple", made{outputs: "apple, fruit"})
	b.files["empty/recipe.yaml"] = &fstest.MapFile{}
	b.files["Bad/recipe.yaml"] = &fstest.MapFile{}
	b.reload()
	const (
		empty = "recipes/empty/recipe.yaml:1:1: is empty"
		bad   = `recipes/Bad: name "Bad": want lower case letters and digits, joined by single . or -, at most 64`
	)
	for _, tc := range []struct {
		names []string
		all   bool
		want  string
	}{
		{[]string{"apple", "fruit", "hello"}, false, ""},
		{[]string{"empty"}, false, empty},
		{[]string{"apple", "Bad"}, false, bad},
		{[]string{"plum"}, false, "recipe \"plum\": unknown\n" + empty},
		{nil, true, empty + "\n" + bad},
	} {
		targets, err := b.Targets(tc.names, tc.all, "")
		if err == nil {
			_, err = b.Plan(t.Context(), targets)
		}
		if got := fmt.Sprint(err); got != tc.want && (tc.want != "" || err != nil) {
			t.Errorf("%q: got %s\nwant %s", tc.names, got, tc.want)
		}
	}
	clear(b.files)
	b.reload()
	if got, err := b.Targets(nil, true, ""); !errors.Is(err, realize.ErrNoRecipes) || err.Error() != "no recipes in recipes" || got != nil {
		t.Errorf("none: %v, %v", got, err)
	}
}

// TestKeyNeedsNothing: a node is closed without a store, a mirror or an image.
func TestKeyNeedsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := realize.Realizer{Recipes: b.Recipes, Arch: b.Arch}
	for _, name := range []string{"hello", "tree"} {
		n, err := r.Node(t.Context(), realize.Target{Name: name, Format: recipe.FormatDeb})
		if err != nil {
			t.Fatal(err)
		}
		if n.Key != b.node(name).Key || n.Key != digest.KeyOf(n.Text) || !slices.Equal(n.Text, n.Derivation.Text()) {
			t.Errorf("%s: key %s", name, n.Key)
		}
	}
}

// TestNotLocked: a builder without a digest, or none at all.
func TestNotLocked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("homeless", made{})
	yaml := string(b.files["homeless/recipe.yaml"].Data)
	for builder, want := range map[string]string{
		"open":          "homeless: builder open: not locked",
		"debian-12-dep": `recipes/homeless/recipe.yaml:7:12: deb.builder: builder "debian-12-dep": unknown: did you mean debian-12-deb or debian-12-rpm or debian-12-test?`,
	} {
		b.files["builders/open.yaml"] = &fstest.MapFile{Data: []byte("format: 1\nname: open\nsummary: A test\nsuite: bookworm\npackages: [make]\n")}
		b.files["homeless/recipe.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(yaml, "debian-12-deb", builder, 1))}
		b.reload()
		if _, err := b.Node(t.Context(), realize.Target{Name: "homeless", Format: recipe.FormatDeb}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", builder, err)
		}
	}
}
