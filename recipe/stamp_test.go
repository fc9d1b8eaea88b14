package recipe

import (
	"errors"
	"testing"

	"github.com/fuel-infra/pbuild/store/digest"
)

// TestRestampRefuses: what a scheme asks for and a source has not is an error that
// says where the recipe names the scheme.
func TestRestampRefuses(t *testing.T) {
	c := fixture(t)
	c.Dir = "recipes"
	const at = "recipe stamped: recipes/stamped/recipe.yaml:13:10: version: scheme counted: "
	pinned := func(edit func(*Locked)) func(*Recipe, *Inputs) {
		return func(_ *Recipe, in *Inputs) { changePinned(in, edit) }
	}
	for _, tc := range []struct {
		name, golden string
		edit         func(*Recipe, *Inputs)
		want         string
	}{
		{"no count", "stamped-deb", pinned(func(l *Locked) { l.Count = 0 }), at + "deb: %{count}: no commit of the recipe's source is locked, whose history could be counted"},
		{"nothing pinned", "stamped-unmerged", func(_ *Recipe, in *Inputs) { in.Pinned = nil }, at + "rpm: %{next}: no commit of the recipe's source is locked, whose history could be counted"},
		{"a branch", "stamped", pinned(func(l *Locked) { l.Kind = RefBranch }), at + "rpm: %{tag}: the recipe's ref is no tag that names a version"},
		{"a commit", "stamped", pinned(func(l *Locked) { l.Kind, l.Ref = "", l.Commit }), at + "rpm: %{tag}: the recipe's ref is no tag that names a version"},
		{"a tag without a version", "stamped", pinned(func(l *Locked) { l.Ref = "latest" }), at + "rpm: %{tag}: the recipe's ref is no tag that names a version"},
		{"no branch", "stamped", func(r *Recipe, _ *Inputs) { changeRelease(r, Merged, "%{branch}") }, at + "rpm: %{branch}: the recipe's ref is no branch"},
		{"an origin that it leaves out", "stamped-folder", func(r *Recipe, _ *Inputs) { delete(r.Scheme.RPM, Folder) }, at + "rpm: says nothing of a source that is folder"},
		{"no version", "stamped-deb", func(r *Recipe, _ *Inputs) { r.Scheme.Deb[Merged] = Template{"v%{version}", "1"} }, at + `deb: version "2:v1.0.0-1": want a digit, then a-z A-Z 0-9 . + ~ -`},
		{"a tag of another version", "stamped-deb", pinned(func(l *Locked) { l.Ref = "release/v1.1" }), "recipe stamped: tag release/v1.1 contradicts debian/changelog, which says version 1.0.0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, f, in := prepared(t, c, tc.golden)
			tc.edit(r, &in)
			d, err := Close(r, f, AMD64, in)
			says(t, err, tc.want)
			var tag *TagError
			if d != nil || errors.As(err, &tag) != (tc.name == "a tag of another version") {
				t.Errorf("derivation %v, tag %v", d, tag)
			}
		})
	}
}

// TestStampedVersion: what becomes of the changelog's version, and when a tag is held
// against it.
func TestStampedVersion(t *testing.T) {
	for _, tc := range []struct{ own, tag, version string }{
		{"2:1.0.0-3", "1.0", "2:1.0.0-1~x+41"},
		{"1.0.0-3", "1.0", "1.0.0-1~x+41"},
		{"0:1.0", "v1.0.0.0", "0:1.0-1~x+41"},
		{"1.0-2-3", "latest", "1.0-2-1~x+41"},
		{"1.0~rc1-1", "1.0rc1", "1.0~rc1-1~x+41"},
	} {
		r, f, in := prepared(t, fixture(t), "stamped-deb")
		changeLock(r, func(l *Locked) { l.Version = tc.own })
		changePinned(&in, func(l *Locked) { l.Ref = tc.tag })
		d, err := Close(r, f, AMD64, in)
		if err != nil {
			t.Error(err)
			continue
		}
		if d.Stamp.Version != tc.version || d.Own != tc.own {
			t.Errorf("%s at %s: %s, own %s, want %s", tc.own, tc.tag, d.Stamp.Version, d.Own, tc.version)
		}
	}
	// A branch's name promises nothing, nor does the tag speak of another commit.
	r, f, in := prepared(t, fixture(t), "stamped-deb")
	changePinned(&in, func(l *Locked) { l.Ref, l.Kind = "9.9", RefBranch })
	if _, err := Close(r, f, AMD64, in); err != nil {
		t.Error(err)
	}
	r, f, in = prepared(t, fixture(t), "stamped-unmerged-deb")
	changePinned(&in, func(l *Locked) { l.Ref = "9.9" })
	if _, err := Close(r, f, AMD64, in); err != nil {
		t.Error(err)
	}
}

// TestOrigin: what the sources are to the recipe's own, all of them.
func TestOrigin(t *testing.T) {
	own, pack := Input{GitInput, "c1", digest.Of(nil)}, Input{GitInput, "m1", digest.Of(nil)}
	pinned := map[string]Locked{Main: {Commit: "c1"}, "modules/a": {Commit: "m1"}}
	otherCommit := Input{GitInput, "c2", digest.Of([]byte("x"))}
	tree, dsc := Input{Kind: TreeInput}, Input{Kind: DscInput}
	for _, tc := range []struct {
		name       string
		main, part Input
		given      []string
		want       Origin
	}{
		{"nothing given", own, pack, nil, Merged},
		{"a part that is a folder of the recipe", own, tree, nil, Merged},
		{"the locked commit given", own, pack, []string{Main}, Merged},
		{"all as locked", own, pack, []string{Main, "modules/a"}, Merged},
		{"another commit", otherCommit, pack, []string{Main}, Unmerged},
		{"another commit, and a part as locked", otherCommit, pack, []string{Main, "modules/a"}, Unmerged},
		{"another commit of a part", own, otherCommit, []string{"modules/a"}, Folder},
		{"both", otherCommit, otherCommit, []string{"modules/a", Main}, Folder},
		{"a folder", tree, pack, []string{Main}, Folder},
		{"a folder in a part's place", own, tree, []string{"modules/a"}, Folder},
		{"another commit, and a folder in a part's place", otherCommit, tree, []string{Main, "modules/a"}, Folder},
		{"the recipe's own folder", tree, pack, nil, Folder},
		{"a Debian source package", dsc, pack, []string{Main}, Folder},
	} {
		d := &Derivation{Sources: map[string]Input{Main: tc.main, "modules/a": tc.part}}
		for range 10 { // maps have no order
			if got := d.origin(Inputs{Given: tc.given, Pinned: pinned}); got != tc.want {
				t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
				break
			}
		}
	}
}
