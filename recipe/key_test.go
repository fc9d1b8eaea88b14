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

	"github.com/fuel-infra/pbuild/store/digest"
)

// change is one edit of a recipe of the fixture, or of its inputs.
type change struct {
	recipe string // full: path source with debian/ in it; small: debian/ beside it; dsc
	field  string // struct and field, or more than these
	counts bool   // it must change the key; else it must not
	edit   func(*Recipe, *Inputs)
}

var changes = []change{
	{"full", "Recipe.Name", true, func(r *Recipe, _ *Inputs) { r.Name = "other" }},
	{"full", "Recipe.Summary", false, func(r *Recipe, _ *Inputs) { r.Summary = "other" }},
	{"full", "Recipe.License", false, func(r *Recipe, _ *Inputs) { r.License = "ISC" }},
	{"full", "Recipe.Sources: kind, with the same digest", true, func(r *Recipe, in *Inputs) {
		r.Sources["main"] = Dsc{"pool/x/xy_2.0~rc1-1.dsc", in.Trees["main"]}
		r.Lock = &Lock{map[string]Stamp{"main": in.Changelog}}
		r.Deb.Debian = "packaging"
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
	{"dsc", "Lock.Sources: one that is not there", false, func(r *Recipe, _ *Inputs) { r.Lock.Sources["other"] = Stamp{"1", 1} }},
	{"dsc", "Stamp.Version", true, func(r *Recipe, _ *Inputs) { r.Lock.Sources["main"] = Stamp{"4:2.10~rc1-1.1", 1672326529} }},
	{"dsc", "Stamp.Epoch", true, func(r *Recipe, _ *Inputs) { r.Lock.Sources["main"] = Stamp{"3:2.10~rc1-1.1", 1672326530} }},
	{"full", "Deb.Builder: its digest counts", false, func(r *Recipe, _ *Inputs) { r.Deb.Builder = "other" }},
	{"full", "Deb.Debian", true, func(r *Recipe, _ *Inputs) { r.Deb.Debian = "other" }},
	{"small", "Deb.Debian: beside the source its digest counts", false, func(r *Recipe, _ *Inputs) { r.Deb.Debian = "other" }},
	{"full", "Deb.Outputs", true, func(r *Recipe, _ *Inputs) { r.Deb.Outputs = append(r.Deb.Outputs, "other") }},
	{"full", "Deb.Outputs: order", true, func(r *Recipe, _ *Inputs) { slices.Reverse(r.Deb.Outputs) }},
	{"full", "Deb.Require", false, func(r *Recipe, _ *Inputs) { r.Deb.Require = map[string][]string{"full": {"/x"}} }},
	{"full", "Deb.Debug", true, func(r *Recipe, _ *Inputs) { r.Deb.Debug = false }},
	{"full", "Deb.Env", true, func(r *Recipe, _ *Inputs) { r.Deb.Env["NEW"] = "" }},
	{"full", "Deb.Env: value", true, func(r *Recipe, _ *Inputs) { r.Deb.Env["EMPTY"] = " " }},
	{"full", "Deb.Modes", true, func(r *Recipe, _ *Inputs) { r.Deb.Modes["new"] = "0644" }},
	{"full", "Deb.Modes: value", true, func(r *Recipe, _ *Inputs) { r.Deb.Modes["a file"] = "0601" }},
	{"full", "Inputs.Trees", true, func(_ *Recipe, in *Inputs) { in.Trees["main"] = digest.Of(nil) }},
	{"full", "Inputs.Trees: of no source", false, func(_ *Recipe, in *Inputs) { in.Trees["other"] = digest.Of(nil) }},
	{"full", "Inputs.Changelog: version", true, func(_ *Recipe, in *Inputs) { in.Changelog.Version += "x" }},
	{"full", "Inputs.Changelog: epoch", true, func(_ *Recipe, in *Inputs) { in.Changelog.Epoch++ }},
	{"small", "Inputs.Debian", true, func(_ *Recipe, in *Inputs) { in.Debian = digest.Of(nil) }},
	{"small", "Inputs.Debian: in the source", true, func(_ *Recipe, in *Inputs) { in.Debian = digest.Digest{} }},
	{"full", "Inputs.Builder", true, func(_ *Recipe, in *Inputs) { in.Builder = digest.Of(nil) }},
	{"full", "Inputs.Sandbox", true, func(_ *Recipe, in *Inputs) { in.Sandbox++ }},
}

// TestKey: each change moves the key or leaves it, and no two that move it
// lead to the same one.
func TestKey(t *testing.T) {
	c := fixture(t)
	seen := map[digest.Key]string{}
	for _, name := range c.Names() {
		seen[closed(t, load(t, c, name), inputs(name)).Key()] = name
	}
	for _, ch := range changes {
		r, in := load(t, c, ch.recipe), inputs(ch.recipe)
		before := closed(t, r, in).Key()
		ch.edit(r, &in)
		after := closed(t, r, in).Key()
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

// TestKeyFields: no field of what Close reads lacks a change.
func TestKeyFields(t *testing.T) {
	for _, v := range []any{Recipe{}, Path{}, Dsc{}, Deb{}, Lock{}, Stamp{}, Inputs{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := typ.Name() + "." + f.Name
			// Deb and Lock are structs of this list, told field by field.
			if !f.IsExported() || f.Type.Kind() == reflect.Pointer {
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
