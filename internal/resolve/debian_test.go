package resolve_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// TestDebian asks Debian's own archive, signed by Debian's keys. As long as it
// is in the state that the committed builders are locked against, what comes out
// is what they are locked to.
func TestDebian(t *testing.T) {
	t.Parallel()
	b := &bench{t: t, archive: testenv.NewArchive(t)}
	mirrors, err := testenv.Mirrors()
	if err != nil {
		t.Fatal(err)
	}
	b.open(mirrors)
	a := b.apt()
	names, err := b.maker.Recipes.BuilderNames()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		one, err := b.maker.Recipes.Builder(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ask(t, a, one)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, asked := range one.Packages {
			if !holds(got, asked) && !holds(testenv.LockedPackages(t, "debian-12-base"), asked) {
				t.Errorf("%s: no %s in %d packages", name, asked, len(got))
			}
		}
		if a.Index.Release != one.Lock.Release {
			continue
		}
		if diff := cmp.Diff(testenv.LockedPackages(t, name), got, cmp.Comparer(same)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// As a caller asks: names of an old debian/control, some of them mapped.
	depends := relations(t, "debhelper (>= 9), dh-systemd, python-all (>= 2.6), python-pbr (>= 0.6), openstack-pkg-tools")
	var unmet *resolve.UnmetError
	if _, err := a.Install(t.Context(), depends, nil); !errors.As(err, &unmet) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]resolve.Unmet{
		{"dh-systemd", "dh-systemd but it is not installable"},
		{"python-all", "python-all (>= 2.6) but it is not installable"},
		{"python-pbr", "python-pbr (>= 0.6) but it is not installable"},
	}, unmet.Unmet); diff != "" {
		t.Error(diff)
	}
	mapped, _, err := depends.Map(map[string][]string{"dh-systemd": {}, "python-all": {"python3"}, "python-pbr": {"python3-pbr"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Install(t.Context(), mapped, nil)
	if err != nil || !holds(got, "python3-pbr") || !holds(got, "openstack-pkg-tools") || holds(got, "make") {
		t.Errorf("%d packages, %v", len(got), err)
	}
	if _, err := a.Bootstrap(t.Context(), []string{"awk"}); err == nil || err.Error() != "can't be installed: awk: has no installation candidate" {
		t.Errorf("a virtual package: %v", err)
	}
}

func holds(list []recipe.Package, name string) bool {
	return slices.ContainsFunc(list, func(p recipe.Package) bool { return p.Name == name })
}

// ask asks for what a builder's definition asks for.
func ask(t *testing.T, a *resolve.Apt, b *recipe.Builder) ([]recipe.Package, error) {
	if b.Base == "" {
		return a.Bootstrap(t.Context(), b.Packages)
	}
	var names deb.Relations
	for _, name := range b.Packages {
		names = append(names, deb.Relation{{Name: name}})
	}
	return a.Install(t.Context(), names, nil)
}
