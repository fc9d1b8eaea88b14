package realize_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/recipe"
)

// stamped is a recipe of both formats whose packages the scheme fuel numbers. The deb
// packages debian/changelog as the build sees it.
func (b *bench) stamped(name string) *upstream {
	b.t.Helper()
	u := b.writeGit(name, "")
	u.top = "version: fuel\n"
	u.content["debian/build.sh"] = "set -e\n" + pack + "f=debian/" + name + `
		mkdir -p $f/DEBIAN
		cp debian/changelog $f/changelog
		stat -c '%Y %a' debian/changelog >$f/stat
		printf 'Package: ` + name + `\nVersion: %s\nArchitecture: all\nMaintainer: A\nDescription: made up\n' $(dpkg-parsechangelog -S Version) >$f/DEBIAN/control
		dpkg-deb --root-owner-group -b $f ../x.deb
	`
	u.content[name+".spec"] = madeRPM{version: "8.0.0", release: "%{release}"}.text(name)
	u.commit()
	u.write("", nil)
	return u
}

// changelog is that of a made-up recipe.
func changelog(name, version string) string {
	return name + " (" + version + ") bookworm; urgency=medium\n\n  * Made up.\n\n -- A Packager <packager@example.org>  Fri, 15 May 2026 10:00:00 +0000\n"
}

// entry is what stands before it.
func entry(name, version, line, date string) string {
	return name + " (" + version + ") bookworm; urgency=medium\n\n  * " + line + "\n\n -- A Packager <packager@example.org>  " + date + "\n\n"
}

// TestSchemeDeb: a build sees a changelog with an entry more, of the version that the
// scheme makes, with the commit and its date; or with the tree, where no commit is known.
func TestSchemeDeb(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.stamped("scheme-deb")
	check := func(version, line, date, file string, epoch int64, rest string) realize.Result {
		t.Helper()
		r := b.realize("scheme-deb", event.Built)
		want := entry("scheme-deb", version, line, date) + rest
		if got := b.packaged(r, "changelog"); got != want {
			t.Errorf("changelog\n%swant\n%s", got, want)
		}
		if got := b.packaged(r, "stat"); got != fmt.Sprintf("%d 644\n", epoch) {
			t.Errorf("changelog's time and mode %s", got)
		}
		f := r.Realization.Files[0]
		if r.Realization.Version != version || f.Version != version || f.Name != file || r.Derivation.Own == "" ||
			!strings.Contains(string(r.Text), fmt.Sprintf("\nversion %q\nown %q\nepoch \"%d\"\n", version, r.Derivation.Own, epoch)) {
			t.Errorf("version %s, of %s: %s\n%s", r.Realization.Version, f.Name, f.Version, r.Text)
		}
		return r
	}
	const date = "Fri, 13 Feb 2009 23:31:40 +0000"
	own := changelog("scheme-deb", "1-1")
	first := check("1-1~u14.04+mos2", "Commit "+u.locked.Commit+".", date, "scheme-deb_1-1~u14.04+mos2_all.deb", testenv.FirstCommit+10, own)

	// The same commit in a folder is that commit; what is changed there is none.
	dir, files := u.clone()
	b.give("scheme-deb", dir, files)
	if r := b.realize("scheme-deb", event.Cached); r.Key != first.Key {
		t.Errorf("key %s, was %s", r.Key, first.Key)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("m\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mine := treeOf(t, dir)
	version := "1-1~u14.04+mos3+tree." + mine.Hex()[:12]
	check(version, "Tree "+mine.String()+".", "Fri, 15 May 2026 10:00:00 +0000", "scheme-deb_"+version+"_all.deb", 1778839200, own)

	// Another commit is one more than the locked one.
	pinned := u.locked
	u.content["data"] = "unmerged\n"
	u.commit()
	unmerged := u.locked
	unmerged.Count = 0
	u.locked = pinned
	b.Given = map[recipe.SourceName]realize.Given{{Recipe: "scheme-deb", Source: recipe.Main}: {
		Where: "a change", Source: recipe.Git{URL: u.URL, Ref: unmerged.Commit}, Locked: &unmerged,
	}}
	version = "1-1~u14.04+mos3+git." + unmerged.Commit[:7]
	check(version, "Commit "+unmerged.Commit+".", "Fri, 13 Feb 2009 23:31:50 +0000", "scheme-deb_"+version+"_all.deb", testenv.FirstCommit+20, own)

	// A Debian epoch stays; debian/ may lie in the recipe's folder.
	b.Given = nil
	for path, body := range u.content {
		if name, ok := strings.CutPrefix(path, "debian/"); ok {
			program, is := strings.CutPrefix(body, "100755 ")
			b.files["scheme-deb/debian/"+name] = &fstest.MapFile{Data: []byte(program), Mode: map[bool]os.FileMode{true: 0o755, false: 0o644}[is]}
		}
	}
	own = changelog("scheme-deb", "7:1.0~rc1-2ubuntu3")
	b.files["scheme-deb/debian/changelog"].Data = []byte(own)
	for path := range u.content {
		if strings.HasPrefix(path, "debian/") {
			delete(u.content, path)
		}
	}
	u.commit()
	u.write("", nil)
	check("7:1.0~rc1-1~u14.04+mos3", "Commit "+u.locked.Commit+".", "Fri, 13 Feb 2009 23:31:50 +0000", "scheme-deb_1.0~rc1-1~u14.04+mos3_all.deb", testenv.FirstCommit+20, own)
}

// locked returns a change of a lock's main source.
func locked(change func(*recipe.Locked)) func(*recipe.Lock) {
	return func(l *recipe.Lock) {
		main := l.Sources[recipe.Main]
		change(&main)
		l.Sources[recipe.Main] = main
	}
}

// byTag makes a lock's main source one that a tag led to.
func byTag(tag string) func(*recipe.Lock) {
	return locked(func(l *recipe.Locked) { l.Ref, l.Kind = tag, recipe.RefTag })
}

// TestSchemeTag: a tag that names another version than the changelog is an error, as
// long as it is the tag's commit that is built.
func TestSchemeTag(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u := b.stamped("scheme-tag")
	for tag, want := range map[string]string{
		"1": "", "v1.0.0": "", "release/1.0": "", "something": "", "1.0rc1": "", "1.0.0.0a4": "",
		"1.1": "1.1", "v8.0.0": "v8.0.0", "1.1rc1": "1.1rc1", "1.1.0.0a4": "1.1.0.0a4",
	} {
		u.write("", byTag(tag))
		n, err := b.Node(t.Context(), target("scheme-tag"))
		if want == "" {
			if err != nil || n.Derivation.Stamp.Version != "1-1~u14.04+mos2" {
				t.Errorf("%s: %v", tag, err)
			}
			continue
		}
		want = "recipe scheme-tag: tag " + want + " contradicts debian/changelog, which says version 1"
		var tagged *recipe.TagError
		if !errors.As(err, &tagged) || *tagged != (recipe.TagError{Tag: tag, Own: "1", File: "debian/changelog"}) || err.Error() != want {
			t.Errorf("%s: got %v\nwant %s", tag, err, want)
		}
	}
	u.write("", byTag("1.1"))
	dir, files := u.clone()
	b.give("scheme-tag", dir, files)
	if _, err := b.Node(t.Context(), target("scheme-tag")); !errors.As(err, new(*recipe.TagError)) {
		t.Errorf("the tag's tree in a folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Node(t.Context(), target("scheme-tag")); err != nil || !strings.HasPrefix(n.Derivation.Stamp.Version, "1-1~u14.04+mos3+tree.") {
		t.Errorf("another tree: %v", err)
	}
	// Without a scheme a tag says nothing.
	u.top, b.Given = "", nil
	u.write("", byTag("1.1"))
	if n, err := b.Node(t.Context(), target("scheme-tag")); err != nil || n.Derivation.Stamp.Version != "1-1" || n.Derivation.Own != "" {
		t.Errorf("without a scheme: %v", err)
	}
}
