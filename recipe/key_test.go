package recipe

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/store/digest"
)

// change is one edit of a recipe of the fixture, or of its inputs.
type change struct {
	recipe string // a golden; full: path source with debian/ in it; small: debian/ beside it
	field  string // struct and field, or more than these
	counts bool   // it must change the key; else it must not
	edit   func(*Recipe, *Inputs)
}

func changeLock(r *Recipe, edit func(*Locked)) {
	l := r.Lock.Sources[Main]
	edit(&l)
	r.Lock.Sources[Main] = l
}

func changeGit(r *Recipe, edit func(*Git)) {
	g := r.Sources[Main].(Git)
	edit(&g)
	r.Sources[Main] = g
}

func changePinned(in *Inputs, edit func(*Locked)) {
	l := in.Pinned[Main]
	edit(&l)
	in.Pinned[Main] = l
}

func changeRelease(r *Recipe, o Origin, release string) {
	t := r.Scheme.RPM[o]
	t.Release = release
	r.Scheme.RPM[o] = t
}

var changes = []change{
	{"full", "Recipe.Name", true, func(r *Recipe, _ *Inputs) { r.Name = "other" }},
	{"full", "Recipe.Summary", false, func(r *Recipe, _ *Inputs) { r.Summary = "other" }},
	{"full", "Recipe.License", false, func(r *Recipe, _ *Inputs) { r.License = "ISC" }},
	{"full", "Recipe.File", false, func(r *Recipe, _ *Inputs) { r.File = "other/recipe.yaml" }},
	{"full", "Recipe.Limits", false, func(r *Recipe, _ *Inputs) { r.Limits = limits.Limits{Memory: 1 << 30, Time: 3600e9} }},
	{"full", "Recipe.Sources: kind, with the same digest", true, func(r *Recipe, in *Inputs) {
		r.Sources["main"] = Dsc{"pool/x/xy_2.0~rc1-1.dsc", in.Trees["main"]}
		r.Lock = &Lock{Sources: map[string]Locked{"main": {Version: in.Changelog.Version, Epoch: in.Changelog.Epoch}}, Deb: r.Lock.Build(FormatDeb)}
		in.Trees, r.Deb.Debian = nil, "packaging"
	}},
	{"full", "Path.Path", false, func(r *Recipe, _ *Inputs) { r.Sources["main"] = Path{"elsewhere"} }},
	{"dsc", "Dsc.Path", false, func(r *Recipe, _ *Inputs) {
		d := r.Sources["main"].(Dsc)
		r.Sources["main"] = Dsc{"pool/elsewhere/xy_2.10~rc1-1.1.dsc", d.SHA256}
	}},
	{"dsc", "Dsc.SHA256", true, func(r *Recipe, _ *Inputs) {
		d := r.Sources["main"].(Dsc)
		r.Sources["main"] = Dsc{d.Path, digest.Of(nil)}
	}},
	{"gitted", "Git.URL", false, func(r *Recipe, _ *Inputs) { changeGit(r, func(g *Git) { g.URL = "https://other.example/x" }) }},
	{"gitted", "Git.Mirrors", false, func(r *Recipe, _ *Inputs) { changeGit(r, func(g *Git) { g.Mirrors = nil }) }},
	{"gitted", "Git.Submodules: the tree counts", false, func(r *Recipe, _ *Inputs) { changeGit(r, func(g *Git) { g.Submodules = false }) }},
	{"gitted", "Git.Ref: and in the lock, with the same commit", false, func(r *Recipe, _ *Inputs) {
		changeGit(r, func(g *Git) { g.Ref = "1.0" })
		changeLock(r, func(l *Locked) { l.Ref = "1.0" })
	}},
	{"gitted", "Locked.Ref: a commit", false, func(r *Recipe, _ *Inputs) {
		changeGit(r, func(g *Git) { g.Ref = r.Lock.Sources[Main].Commit })
		changeLock(r, func(l *Locked) { l.Ref = l.Commit })
	}},
	{"gitted", "Locked.Commit", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Commit = strings.Repeat("1", 40) }) }},
	{"gitted", "Locked.Tree", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Tree = digest.Of(nil) }) }},
	{"gitted", "Locked.Epoch", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Epoch++ }) }},
	{"gitted", "Locked.Count: nothing stamps it", false, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Count++ }) }},
	{"gitted", "Locked.Version: of debian/changelog", false, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Version = "9" }) }},
	{"gitted-deb", "Locked.Version", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Version = "9" }) }},
	{"dsc", "Locked.Version: with Debian's epoch", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Version = "4:2.10~rc1-1.1" }) }},
	{"dsc", "Locked.Epoch: of a Dsc", true, func(r *Recipe, _ *Inputs) { changeLock(r, func(l *Locked) { l.Epoch++ }) }},
	{"dsc", "Lock.Sources: one that is not there", false, func(r *Recipe, _ *Inputs) { r.Lock.Sources["other"] = Locked{Version: "1", Epoch: 1} }},
	{"gitted", "BuildLock.Packages", true, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Packages = digest.Of(nil) }},
	{"gitted", "BuildLock.Packages: none", true, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Packages = digest.Digest{} }},
	{"gitted", "BuildLock.Release: its date is that of files", true, func(r *Recipe, _ *Inputs) {
		r.Lock.RPM.Release.Date = r.Lock.RPM.Release.Date.Add(time.Second)
	}},
	{"gitted", "Release.Date: without packages", false, func(r *Recipe, in *Inputs) {
		r.Lock.Deb.Release.Date = r.Lock.RPM.Release.Date.Add(time.Second)
	}},
	{"gitted", "Release.InRelease", false, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Release.InRelease = digest.Of(nil) }},
	{"gitted", "Asked.Depends", false, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Depends = []string{"gcc"} }},
	{"gitted", "Asked.Extra", false, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Extra = nil }},
	{"gitted", "Asked.Mapped", true, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Mapped["python-setuptools"] = []string{"python3"} }},
	{"gitted", "Asked.Mapped: to none", true, func(r *Recipe, _ *Inputs) { r.Lock.RPM.Mapped["python-setuptools"] = nil }},
	{"full", "Build.Builder: its digest counts", false, func(r *Recipe, _ *Inputs) { r.Deb.Builder = "other" }},
	{"gitted", "Build.Profiles: what they say is merged", false, func(r *Recipe, _ *Inputs) { r.RPM.Profiles = nil }},
	{"gitted", "Build.Packages: the lock counts", false, func(r *Recipe, _ *Inputs) { r.RPM.Packages = nil }},
	{"full", "Build.Outputs", true, func(r *Recipe, _ *Inputs) { r.Deb.Outputs = append(r.Deb.Outputs, "other") }},
	{"full", "Build.Outputs: order", true, func(r *Recipe, _ *Inputs) { slices.Reverse(r.Deb.Outputs) }},
	{"full", "Build.Require", false, func(r *Recipe, _ *Inputs) { r.Deb.Require = map[string][]string{"full": {"/x"}} }},
	{"full", "Build.Debug", true, func(r *Recipe, _ *Inputs) { r.Deb.Debug = false }},
	{"full", "Build.Env", true, func(r *Recipe, _ *Inputs) { r.Deb.Env["NEW"] = "" }},
	{"full", "Build.Env: value", true, func(r *Recipe, _ *Inputs) { r.Deb.Env["EMPTY"] = " " }},
	{"full", "Build.Modes", true, func(r *Recipe, _ *Inputs) { r.Deb.Modes["new"] = "0644" }},
	{"full", "Build.Modes: value", true, func(r *Recipe, _ *Inputs) { r.Deb.Modes["a file"] = "0601" }},
	{"gitted", "Build.Home", true, func(r *Recipe, _ *Inputs) { r.RPM.Home["x"] = r.RPM.Home[".own/rc"] }},
	{"gitted", "Build.Files", true, func(r *Recipe, _ *Inputs) { r.RPM.Files["/opt/x"] = r.RPM.Home[".own/rc"] }},
	{"gitted", "Placed.Content", true, func(r *Recipe, _ *Inputs) { r.RPM.Home[".own/rc"] = Placed{Content: "x = 2\n", Mode: "0600"} }},
	{"gitted", "Placed.Mode", true, func(r *Recipe, _ *Inputs) { r.RPM.Home[".own/rc"] = Placed{Content: "x = 1\n", Mode: "0640"} }},
	{"gitted", "Placed.Link", true, func(r *Recipe, _ *Inputs) { r.RPM.Files["/opt/own/tool"] = Placed{Link: "/bin/true"} }},
	{"full", "Deb.Debian", true, func(r *Recipe, _ *Inputs) { r.Deb.Debian = "other" }},
	{"small", "Deb.Debian: beside the source its digest counts", false, func(r *Recipe, _ *Inputs) { r.Deb.Debian = "other" }},
	{"gitted", "RPM.Spec", true, func(r *Recipe, _ *Inputs) { r.RPM.Spec = "other.spec" }},
	{"gitted", "Source0.Name", true, func(r *Recipe, _ *Inputs) { r.RPM.Source0 = &Source0{"other", true} }},
	{"gitted", "Source0.Prefixed", true, func(r *Recipe, _ *Inputs) { r.RPM.Source0 = &Source0{"gitted-src", false} }},
	{"gitted", "Source0.Name: none", true, func(r *Recipe, _ *Inputs) { r.RPM.Source0 = nil }},
	{"gitted", "RPM.Defines", true, func(r *Recipe, _ *Inputs) { r.RPM.Defines["new"] = "1" }},
	{"gitted", "RPM.Defines: value", true, func(r *Recipe, _ *Inputs) { r.RPM.Defines["with_x"] = "2" }},
	{"full", "Inputs.Trees", true, func(_ *Recipe, in *Inputs) { in.Trees["main"] = digest.Of(nil) }},
	{"full", "Inputs.Trees: of no source", false, func(_ *Recipe, in *Inputs) { in.Trees["other"] = digest.Of(nil) }},
	{"gitted", "Inputs.Trees: a folder with what is locked", false, func(r *Recipe, in *Inputs) {
		in.Trees = map[string]digest.Digest{Main: r.Lock.Sources[Main].Tree}
	}},
	{"gitted-deb", "Inputs.Trees: a folder with what is locked, changelog read", false, func(r *Recipe, in *Inputs) {
		in.Trees = map[string]digest.Digest{Main: r.Lock.Sources[Main].Tree}
		in.Changelog = Stamp{"1.0-3", 17}
	}},
	{"gitted", "Inputs.Trees: a folder with something else", true, func(_ *Recipe, in *Inputs) {
		in.Trees = map[string]digest.Digest{Main: digest.Of([]byte("other"))}
		in.Changelog = Stamp{"", 17}
	}},
	{"gitted", "Inputs.Spec", true, func(_ *Recipe, in *Inputs) { in.Spec = digest.Of(nil) }},
	{"full", "Stamp.Version", true, func(_ *Recipe, in *Inputs) { in.Changelog.Version = "2:2.0~rc1-1" }},
	{"full", "Stamp.Epoch", true, func(_ *Recipe, in *Inputs) { in.Changelog.Epoch += 2 }},
	{"full", "Inputs.Changelog: version", true, func(_ *Recipe, in *Inputs) { in.Changelog.Version += "x" }},
	{"full", "Inputs.Changelog: epoch", true, func(_ *Recipe, in *Inputs) { in.Changelog.Epoch++ }},
	{"small", "Inputs.Debian", true, func(_ *Recipe, in *Inputs) { in.Debian = digest.Of(nil) }},
	{"small", "Inputs.Debian: in the source", true, func(_ *Recipe, in *Inputs) { in.Debian = digest.Digest{} }},
	{"gitted", "Inputs.Asked: what the lock expects", false, func(r *Recipe, in *Inputs) { in.Asked = &r.Lock.RPM.Asked }},
	{"full", "Inputs.Builder", true, func(_ *Recipe, in *Inputs) { in.Builder = digest.Of(nil) }},
	{"full", "Inputs.Sandbox", true, func(_ *Recipe, in *Inputs) { in.Sandbox++ }},
	{"full", "Recipe.Folder", false, func(r *Recipe, _ *Inputs) { r.Folder = "other" }},
	{"full", "Recipe.Variants", false, func(r *Recipe, _ *Inputs) { r.Variants = []string{"other"} }},
	{"stamped", "Recipe.Sources: the folder in a pack", true, func(r *Recipe, in *Inputs) {
		r.Sources["modules/beta"], in.Trees["modules/beta"] = r.Sources["modules/Beta_2"], in.Trees["modules/Beta_2"]
		delete(r.Sources, "modules/Beta_2")
	}},
	{"stamped", "Recipe.Sources: one that the format does not take", false, func(r *Recipe, _ *Inputs) { r.Sources["more"] = Path{"more"} }},
	{"stamped", "Inputs.Trees: of a source that is packed", true, func(_ *Recipe, in *Inputs) { in.Trees["modules/Beta_2"] = digest.Of(nil) }},
	{"stamped-deb", "Inputs.Trees: of a source of the other format", false, func(_ *Recipe, in *Inputs) { in.Trees["data"] = digest.Of(nil) }},
	{"stamped", "Locked.Commit: of a source that is packed, and its ref", true, func(r *Recipe, _ *Inputs) {
		ref := strings.Repeat("1", 40)
		r.Sources["modules/alpha"] = Git{URL: "https://one.example/alpha", Ref: ref}
		l := r.Lock.Sources["modules/alpha"]
		l.Ref, l.Commit = ref, ref
		r.Lock.Sources["modules/alpha"] = l
	}},
	{"stamped", "Locked.Epoch: of a source that is packed", false, func(r *Recipe, _ *Inputs) {
		l := r.Lock.Sources["modules/alpha"]
		l.Epoch++
		r.Lock.Sources["modules/alpha"] = l
	}},
	{"stamped", "RPM.Sources", true, func(r *Recipe, _ *Inputs) { r.RPM.Sources["more.tar.gz"] = "data" }},
	{"stamped", "RPM.Sources: what a file is made of", true, func(r *Recipe, _ *Inputs) { r.RPM.Sources["again.tar.gz"] = "modules" }},
	{"stamped", "Build.Needs", true, func(r *Recipe, _ *Inputs) { r.RPM.Needs = []string{"gitted", "small"} }},
	{"stamped-deb", "Build.Needs: order", false, func(r *Recipe, _ *Inputs) { slices.Reverse(r.Deb.Needs) }},
	{"stamped", "Inputs.Needs: what is not needed", false, func(_ *Recipe, in *Inputs) { delete(in.Needs, "small") }},
	{"stamped", "Needed.Output", true, func(_ *Recipe, in *Inputs) { in.Needs["gitted"] = Needed{Output: digest.Of(nil)} }},
	{"stamped-plan", "Needed.Plan", true, func(_ *Recipe, in *Inputs) { in.Needs["gitted"] = Needed{Plan: digest.KeyOf(nil)} }},
	{"stamped", "Build.Edits", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits = r.RPM.Edits[1:] }},
	{"stamped", "Build.Edits: order in a file", true, func(r *Recipe, _ *Inputs) { slices.Reverse(r.RPM.Edits[1:]) }},
	{"stamped", "Edit.File", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits[0].File = "makefile" }},
	{"stamped", "Edit.Line", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits[0].Line += " " }},
	{"stamped", "Edit.With", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits[0].With = &r.RPM.Edits[0].Line }},
	{"stamped", "Edit.With: nothing, not an empty line", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits[0].With = nil }},
	{"stamped", "Edit.Count", true, func(r *Recipe, _ *Inputs) { r.RPM.Edits[0].Count++ }},
	{"stamped", "Scheme.Name: what it makes counts", false, func(r *Recipe, _ *Inputs) { r.Scheme.Name = "other" }},
	{"stamped", "Scheme.Deb: of the other format", false, func(r *Recipe, _ *Inputs) { r.Scheme.Deb = nil }},
	{"stamped", "Scheme.RPM: none", true, func(r *Recipe, _ *Inputs) { r.Scheme.RPM = nil }},
	{"stamped-deb", "Scheme.Deb: none", true, func(r *Recipe, _ *Inputs) { r.Scheme.Deb = nil }},
	{"stamped", "Template.Version: none", true, func(r *Recipe, _ *Inputs) { r.Scheme.RPM[Merged] = Template{Release: "1.%{count}"} }},
	{"stamped", "Template.Release", true, func(r *Recipe, _ *Inputs) { changeRelease(r, Merged, "2.%{count}") }},
	{"stamped", "Template.Release: the same by other variables", false, func(r *Recipe, _ *Inputs) { changeRelease(r, Merged, "1.41") }},
	{"stamped", "Template.Release: of another origin", false, func(r *Recipe, _ *Inputs) { changeRelease(r, Unmerged, "9") }},
	{"stamped", "Inputs.Pinned: count", true, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Count++ }) }},
	{"stamped-unmerged", "Inputs.Pinned: count", true, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Count++ }) }},
	{"stamped", "Inputs.Pinned: commit, where nothing is given", false, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Commit = other.Commit }) }},
	{"stamped", "Inputs.Pinned: tag", true, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Ref = "1.0rc1" }) }},
	{"stamped", "Inputs.Pinned: another spelling of the tag", false, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Ref = "v1.0" }) }},
	{"stamped-deb", "Locked.Kind: nothing stamps it", false, func(_ *Recipe, in *Inputs) { changePinned(in, func(l *Locked) { l.Kind = RefBranch }) }},
	{"stamped", "Inputs.Given: what is locked", false, func(r *Recipe, in *Inputs) {
		in.Given, in.Trees[Main] = []string{Main}, r.Lock.Sources[Main].Tree
	}},
	{"stamped", "Inputs.Given: another source, with the same files", true, func(_ *Recipe, in *Inputs) { in.Given = []string{"data"} }},
	{"stamped", "Inputs.Given: no source of the format", false, func(_ *Recipe, in *Inputs) { in.Given = []string{"more"} }},
	{"stamped-unmerged", "Inputs.Given: another source too", true, func(_ *Recipe, in *Inputs) { in.Given = []string{"data", Main} }},
	{"stamped-unmerged", "Inputs.Given: the commit is the recipe's own now", true, func(_ *Recipe, in *Inputs) { in.Given = nil }},
}

// TestKey: each change moves the key or leaves it, and no two that move it
// lead to the same one.
func TestKey(t *testing.T) {
	c := fixture(t)
	seen := map[digest.Key]string{}
	for _, name := range goldens {
		seen[closeAs(t, c, name, nil)] = name
	}
	for _, ch := range changes {
		before, after := closeAs(t, c, ch.recipe, nil), closeAs(t, c, ch.recipe, ch.edit)
		if (before != after) != ch.counts {
			t.Errorf("%s: key changed: %v", ch.field, before != after)
		}
		if other, ok := seen[after]; ok && ch.counts {
			t.Errorf("%s: same key as %s", ch.field, other)
		}
		if ch.counts {
			seen[after] = ch.field
		}
	}
}

// closeAs returns the key of a golden after an edit.
func closeAs(t *testing.T, c *Collection, name string, edit func(*Recipe, *Inputs)) digest.Key {
	t.Helper()
	r, format, in := prepared(t, c, name)
	if edit != nil {
		edit(r, &in)
	}
	d, err := Close(r, format, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	return d.Key()
}

// TestKeyFields: no field of what Close reads lacks a change.
func TestKeyFields(t *testing.T) {
	for _, v := range []any{
		Recipe{},
		Path{},
		Git{},
		Dsc{},
		Build{},
		Deb{},
		RPM{},
		Source0{},
		Placed{},
		Edit{},
		Needed{},
		Scheme{},
		Template{},
		Lock{},
		Locked{},
		BuildLock{},
		Asked{},
		Release{},
		Stamp{},
		Inputs{},
	} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := typ.Name() + "." + f.Name
			// Structs of this list are told field by field.
			toStruct := f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct
			if !f.IsExported() || f.Anonymous || toStruct && name != "Inputs.Asked" {
				continue
			}
			if !slices.ContainsFunc(changes, func(c change) bool { return c.field == name || strings.HasPrefix(c.field, name+":") }) {
				t.Errorf("%s: no change of it is tested", name)
			}
		}
	}
}

// respelled is full/recipe.yaml as another hand would write it.
const respelled = "# another comment\r\ndeb: {debug: keep, outputs: [\"libfull1\", 'full', full-doc], builder: 'two', # why\r\n" +
	"  modes: {a file: '0600', packaging/rules: '0755'},\r\n" +
	"  env: {STRANGE: \"\\xe9\\x09\\\"quoted\\\" $(id) %{lua:x} \\\\\\nsecond line\", EMPTY: '', DEB_BUILD_OPTIONS: 'nocheck parallel=2', PBR_VERSION: '8.0.0'},\r\n" +
	"  debian: packaging}\r\n" +
	"sources: {main: {path: code}}\r\nlicense: ISC\r\nsummary: other\r\nname: full\r\nformat: 1\r\n"

func TestKeyOfSpelling(t *testing.T) {
	want := closed(t, load(t, fixture(t), "full"), inputs("full"))
	got := closed(t, load(t, mapped(t, fstest.MapFS{"full/recipe.yaml": {Data: []byte(respelled)}}), "full"), inputs("full"))
	if got.Key() != want.Key() {
		t.Errorf("spelling changes the key:\n%s\n%s", want.Text(), got.Text())
	}
}

// TestKeyOfSurroundings: place, file modes, times, umask, user's environment.
func TestKeyOfSurroundings(t *testing.T) {
	want := closed(t, load(t, fixture(t), "full"), inputs("full")).Key()
	for name, value := range map[string]string{
		"TZ": "Asia/Tokyo", "HOME": t.TempDir(), "LANG": "tr_TR.UTF-8", "SOURCE_DATE_EPOCH": "1", "HOSTNAME": "elsewhere", "PBR_VERSION": "9",
	} {
		t.Setenv(name, value)
	}
	text := readFixture(t, "full/recipe.yaml")
	dir := filepath.Join(t.TempDir(), "a place with spaces")
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if err := os.MkdirAll(filepath.Join(dir, "full"), fs.ModePerm); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "full", "recipe.yaml"), text, fs.ModePerm); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir)
	c.Dir = dir
	t.Chdir("/")
	if got := closed(t, load(t, c, "full"), inputs("full")).Key(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
