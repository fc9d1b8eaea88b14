package realize_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/realize"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// part is a source of a recipe beside its main one: a repository at one commit.
type part struct {
	*testenv.GitServer
	repo   *testenv.Repository
	locked recipe.Locked
}

func (b *bench) newPart(files map[string]string) *part {
	b.t.Helper()
	p := &part{repo: testenv.NewRepository(b.t)}
	p.GitServer = testenv.ServeGit(b.t, p.repo)
	id := p.repo.Commit("main", "made up", files)
	dir, _ := p.clone(b)
	p.locked = recipe.Locked{Epoch: testenv.FirstCommit, Ref: id, Commit: id, Tree: treeOf(b.t, dir)}
	return p
}

func (p *part) clone(b *bench) (dir string, given realize.Given) {
	b.t.Helper()
	u := &upstream{bench: b, repo: p.repo}
	dir, files := u.clone()
	return dir, realize.Given{Where: dir, Files: files}
}

// treeOf digests a clone's files.
func treeOf(t testing.TB, dir string) digest.Digest {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d, err := tree.Digest(tree.Worktree(root.FS()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// listing is a spec's %install that packages what its archives hold, and what they
// digest to.
const listing = "%prep\n%setup -q\n%install\nmkdir -p %{buildroot}/usr/share\ncd %{_sourcedir}\n" +
	"for f in [m-o]*.tar.gz; do echo \"= $f\"; tar -tvzf $f --full-time --numeric-owner | sed 's/  */ /g'; done >%{buildroot}/usr/share/%{name}\n" +
	"sha256sum [m-o]*.tar.gz >>%{buildroot}/usr/share/%{name}\n"

// writePack makes a recipe with a pack of two repositories, of which it makes two
// archives, and one repository more.
func (b *bench) writePack(name string) (u *upstream, parts map[string]*part) {
	b.t.Helper()
	parts = map[string]*part{
		"mods/one": b.newPart(map[string]string{"a": "1\n", "bin/run": "100755 #!/bin/sh\n", "link": "120000 a", ".hidden": "h\n"}),
		"mods/two": b.newPart(map[string]string{"b": "2\n"}),
		"mods-two": b.newPart(map[string]string{"c": "3\n"}), // a name that is close to a part's
	}
	u = b.writeGit(name, "")
	u.content[name+".spec"] = madeRPM{release: "%{release}", scripts: listing}.text(name)
	u.commit()
	u.top = "version: fuel\n"
	u.sources = fmt.Sprintf("mods:\n  pack:\n    one: {git: %q, ref: %q}\n    two: {git: %q, ref: %q}\nmods-two: {git: %q, ref: %q}\n",
		parts["mods/one"].URL, parts["mods/one"].locked.Ref, parts["mods/two"].URL, parts["mods/two"].locked.Ref, parts["mods-two"].URL, parts["mods-two"].locked.Ref)
	u.rpm = "  sources: {mods.tar.gz: mods, n.tar.gz: mods, other.tar.gz: mods-two}\n"
	u.write("", func(l *recipe.Lock) {
		for source, p := range parts {
			l.Sources[source] = p.locked
		}
	})
	return u, parts
}

// TestPack: archives of other sources, with names, modes, owners and times that are
// the same whenever they are made.
func TestPack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	u, parts := b.writePack("pack-made")
	first := b.realize("pack-made rpm", event.Built)
	got := b.packaged(first, "usr/share/pack-made")
	const when = "2009-02-13 23:31:40" // the commit's
	mods := strings.ReplaceAll(`drwxr-xr-x 0/0 0 WHEN ./
drwxr-xr-x 0/0 0 WHEN ./one/
-rw-r--r-- 0/0 2 WHEN ./one/.hidden
-rw-r--r-- 0/0 2 WHEN ./one/a
drwxr-xr-x 0/0 0 WHEN ./one/bin/
-rwxr-xr-x 0/0 10 WHEN ./one/bin/run
lrwxrwxrwx 0/0 0 WHEN ./one/link -> a
drwxr-xr-x 0/0 0 WHEN ./two/
-rw-r--r-- 0/0 2 WHEN ./two/b
`, "WHEN", when)
	want := "= mods.tar.gz\n" + mods + "= n.tar.gz\n" + mods + "= other.tar.gz\n" +
		strings.ReplaceAll("drwxr-xr-x 0/0 0 WHEN ./\n-rw-r--r-- 0/0 2 WHEN ./c\n", "WHEN", when) +
		"486fb86ea5eaa75a6d46851b63b79f8a4c80e828283f387ec86a0ee4155a78dd  mods.tar.gz\n" +
		"486fb86ea5eaa75a6d46851b63b79f8a4c80e828283f387ec86a0ee4155a78dd  n.tar.gz\n" +
		"5e02a4e6dcdcc152150f1673c0f757d2a6108cdc5ed00af2e81ce5f3fbc5c55c  other.tar.gz\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	text := string(first.Text)
	for _, line := range []string{
		"archive \"mods.tar.gz\" \"mods\"\n", "archive \"other.tar.gz\" \"mods-two\"\n",
		fmt.Sprintf("source \"mods/one\" \"git\" %q %q\n", parts["mods/one"].locked.Commit, parts["mods/one"].locked.Tree),
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("want %sin\n%s", line, text)
		}
	}
	for name, p := range parts {
		blob, err := b.store.Source(p.locked.Tree)
		if err != nil || !slices.Contains(first.Realization.Inputs, blob) {
			t.Errorf("%s: kept as %s, %v", name, blob, err)
		}
	}
	// A deb takes the main source alone.
	if text := string(b.realize("pack-made", event.Built).Text); strings.Contains(text, "mods") {
		t.Errorf("derivation\n%s", text)
	}
	// Built again, in another way and with all servers gone, it has the same bytes.
	for _, p := range parts {
		p.Close()
	}
	u.rpm += "  env: {ANOTHER: way}\n"
	u.write("", func(l *recipe.Lock) {
		for source, p := range parts {
			l.Sources[source] = p.locked
		}
	})
	b.Offline = true
	again := b.realize("pack-made rpm", event.Built)
	if again.Key == first.Key || again.Realization.Files[0].Digest != first.Realization.Files[0].Digest {
		t.Errorf("key %s, file %s: was %s", again.Key, again.Realization.Files[0].Digest, first.Realization.Files[0].Digest)
	}
}

// TestPackGiven: a folder in the place of one part is what was locked as long as it
// holds that; else it is in the key, and in the release.
func TestPackGiven(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, parts := b.writePack("pack-given")
	own := b.node("pack-given rpm")
	if own.Derivation.Release != "1.mos2" || own.SourceNote != "" {
		t.Errorf("release %q, note %q", own.Derivation.Release, own.SourceNote)
	}
	dir, given := parts["mods/one"].clone(b)
	b.Given = map[recipe.SourceName]realize.Given{{Recipe: "pack-given", Source: "mods/one"}: given}
	same := b.node("pack-given rpm")
	if same.Key != own.Key || same.SourceNote != fmt.Sprintf("source mods/one: %s: holds the locked commit %s", dir, parts["mods/one"].locked.Commit[:12]) {
		t.Errorf("key %s, was %s, note %q", same.Key, own.Key, same.SourceNote)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("m\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := b.realize("pack-given rpm", event.Built)
	release := "1.mos3.tree." + digest.Of(fmt.Appendf(nil, "main %s\nmods-two %s\nmods/one %s\nmods/two %s\n",
		own.Derivation.Sources["main"].Digest, parts["mods-two"].locked.Tree, treeOf(t, dir), parts["mods/two"].locked.Tree)).Hex()[:12]
	if r.Derivation.Release != release || r.Realization.Version != "1-"+release || r.SourceNote != "source mods/one: "+dir+", not the locked commit" {
		t.Errorf("release %s, version %s, want %s; note %q", r.Derivation.Release, r.Realization.Version, release, r.SourceNote)
	}
	if got := b.packaged(r, "usr/share/pack-given"); !strings.Contains(got, "./one/mine\n") || !strings.Contains(got, "./two/b\n") {
		t.Errorf("holds\n%s", got)
	}
	if asked := parts["mods/one"].Asked(); len(asked) > 0 { // others may be in the store already
		t.Errorf("asked %q", asked)
	}
	// The deb does not take it: nothing is to be said.
	if n := b.node("pack-given"); n.SourceNote != "" || n.Derivation.Stamp.Version != "1-1~u14.04+mos2" {
		t.Errorf("version %s, note %q", n.Derivation.Stamp.Version, n.SourceNote)
	}
	// Of all of them.
	for _, name := range []string{"mods/two", "mods-two", "main"} {
		b.Given[recipe.SourceName{Recipe: "pack-given", Source: name}] = given
	}
	b.files["pack-given/pack-given.spec"] = &fstest.MapFile{Data: []byte(madeRPM{release: "%{release}"}.text("pack-given"))}
	b.reload()
	want := "source " + dir + ", not the locked commit " + own.Derivation.Sources["main"].Commit[:12] +
		"; sources mods/one … mods-two (3): " + dir + ", not the locked commit"
	if n := b.node("pack-given rpm"); n.SourceNote != want {
		t.Errorf("note %q\nwant %q", n.SourceNote, want)
	}
}
