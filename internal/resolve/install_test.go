package resolve_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/recipe"
)

// packagesText is the index of the archive that most tests use; packages are its
// packages by name and version.
func packagesText() (text string, packages map[string]recipe.Package) {
	packages = map[string]recipe.Package{}
	add := func(name, version, arch string, fields ...string) {
		t, p := entry(name, version, arch, fields...)
		text += t
		packages[name+" "+version] = p
	}
	add("tool", "1:2.0-1", "amd64", "Depends: libtool-made (>= 1), data", "Recommends: never", "Suggests: never")
	add("libtool-made", "1.5", "amd64", "Multi-Arch: same")
	add("data", "1", "all")
	add("never", "1", "all")
	add("old", "1", "all")
	add("zlib1g", "1:99", "amd64") // debian-12-base has an older one
	add("one", "1", "all", "Provides: virtual (= 3)", "Conflicts: two")
	add("two", "1", "all", "Conflicts: one")
	add("broken", "1", "all", "Depends: absent (>= 3) | gone")
	add("python3.11", "1", "all")
	add("essential", "1", "amd64", "Essential: yes", "Depends: data")
	add("bash", "99", "amd64", "Conflicts: dash")
	return text, packages
}

func relations(t *testing.T, s string) deb.Relations {
	t.Helper()
	r, err := deb.ParseRelations(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestApt asks one apt all that the others below ask.
func TestApt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, packages := packagesText()
	b.publish(sign(t, key(t), text, releaseDate))
	a := b.apt()
	t.Run("Install", func(t *testing.T) { testInstall(t, a, packages) })
	t.Run("Unmet", func(t *testing.T) { testUnmet(t, a) })
	t.Run("Bootstrap", func(t *testing.T) { testBootstrap(t, a, packages) })
}

func testInstall(t *testing.T, a *resolve.Apt, packages map[string]recipe.Package) {
	if !a.Index.Release.Date.Equal(releaseDate) {
		t.Errorf("date %s", a.Index.Release.Date)
	}
	for _, tc := range []struct{ depends, conflicts, want string }{
		{"", "", ""},
		{"make, gcc (>= 4)", "", ""}, // the image has them
		{"old", "", "old 1"},
		{"tool", "", "data 1, libtool-made 1.5, tool 1:2.0-1"},
		{"tool (= 1:2.0-1), old (<< 2)", "", "data 1, libtool-made 1.5, old 1, tool 1:2.0-1"},
		{"nosuch | old | tool", "", "old 1"},
		{"nosuch [i386], old [amd64], nosuch <nocheck>, data <!nocheck>", "", "data 1, old 1"},
		{"zlib1g (>= 1:2)", "", "zlib1g 1:99"}, // replaced by a newer one
		{"zlib1g", "", ""},
		{"virtual (>= 2)", "", "one 1"},
		{"virtual | two, old", "one", "old 1, two 1"},
	} {
		got, err := a.Install(t.Context(), relations(t, tc.depends), relations(t, tc.conflicts))
		if err != nil {
			t.Errorf("%s: %v", tc.depends, err)
			continue
		}
		var want []recipe.Package
		for _, name := range strings.Split(tc.want, ", ") {
			if name != "" {
				want = append(want, packages[name])
			}
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(same)); diff != "" {
			t.Errorf("%s: %s", tc.depends, diff)
		}
	}
}

func same(a, b recipe.Package) bool { return a == b }

// testUnmet: each name, and why, in apt's words.
func testUnmet(t *testing.T, a *resolve.Apt) {
	for _, tc := range []struct {
		depends, conflicts string
		want               []resolve.Unmet
	}{
		{"nosuch, old, nosuch2 (>= 3) | nosuch3:native, tool (>= 1:3), old (>> 1)", "", []resolve.Unmet{
			{"nosuch", "nosuch but it is not installable"},
			{"nosuch2", "nosuch2 (>= 3) but it is not installable or nosuch3:amd64 but it is not installable"},
			{"tool", "tool (>= 1:3) but it is not going to be installed"},
			{"old", "old (> 1) but 1 is to be installed"},
		}},
		{"broken", "", []resolve.Unmet{{"broken", "Depends: absent (>= 3) but it is not installable or gone but it is not installable"}}},
		{"one, two", "", []resolve.Unmet{{"two", "two but it is not installable"}}},
		{"python3.1x", "", []resolve.Unmet{{"python3.1x", "python3.1x but it is not installable"}}},
		{"old", "old", []resolve.Unmet{{"old", "old but it is not installable"}}},
		{"bash (>= 99)", "", []resolve.Unmet{{"bash", "Conflicts: dash but 0.5.12-2 is to be installed"}}}, // dash is essential
		{"", "make", []resolve.Unmet{{"make", "Conflicts: make but 4.3-4.1 is to be installed"}}},
	} {
		got, err := a.Install(t.Context(), relations(t, tc.depends), relations(t, tc.conflicts))
		var unmet *resolve.UnmetError
		if !errors.As(err, &unmet) {
			t.Errorf("%s: got %v, %v", tc.depends, got, err)
			continue
		}
		if diff := cmp.Diff(tc.want, unmet.Unmet); diff != "" {
			t.Errorf("%s: %s", tc.depends, diff)
		}
	}
}

func testBootstrap(t *testing.T, a *resolve.Apt, packages map[string]recipe.Package) {
	got, err := a.Bootstrap(t.Context(), []string{"old", "python3.11"})
	want := []recipe.Package{packages["data 1"], packages["essential 1"], packages["old 1"], packages["python3.11 1"]}
	if diff := cmp.Diff(want, got, cmp.Comparer(same)); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	for _, tc := range []struct {
		names []string
		want  string
	}{
		{[]string{"nosuch", "old", "python3.1."}, "2 can't be installed:\n  nosuch: no such package\n  python3.1.: no such package"},
		{[]string{"virtual"}, "can't be installed: virtual: no such package"},
		{[]string{"one", "two"}, "2 can't be installed:\n  one: Conflicts: two but 1 is to be installed\n  two: Conflicts: one but 1 is to be installed"},
		{[]string{"?name(.)"}, `package name "?name(.)": want two or more of a-z 0-9 + - . with a letter or digit first`},
	} {
		if got, err := a.Bootstrap(t.Context(), tc.names); err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, %v", tc.names, got, err)
		}
	}
	// What one question leaves behind does not answer the next.
	if got, err := a.Install(t.Context(), relations(t, "data"), nil); err != nil || len(got) != 1 {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}
