package yamldoc

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"hello", "helo", 1},
		{"hello", "hellp", 1},
		{"hello", "ehllo", 1},
		{"hello", "hlelo", 1},
		{"ca", "abc", 3}, // optimal string alignment, not Damerau–Levenshtein (2)
		{"kitten", "sitting", 3},
		{"tree", "three", 1},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestDistanceLaws(t *testing.T) {
	word := rapid.StringMatching(`[abc]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < max(len(a)-len(b), len(b)-len(a)) {
			t.Errorf("%q %q: %d", a, b, d)
		}
	})
}

func TestNear(t *testing.T) {
	known := []string{"hello", "help", "tree", "fuel-web", "fuel-agent", "x"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"helo", []string{"hello", "help"}},
		{"tere", []string{"tree"}},
		{"fuel-wbe", []string{"fuel-web"}},
		{"fuel_agent", []string{"fuel-agent"}},
		{"nothing", nil},
		{"", nil},
		{"y", nil},
		{"x", []string{"x"}},
	} {
		if got := Near(c.word, known); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.word, got, c.want)
		}
	}
	if got := Near("aa", []string{"ab", "ac", "ad", "ae"}); !slices.Equal(got, []string{"ab", "ac", "ad"}) {
		t.Errorf("more than three: %q", got)
	}
}
