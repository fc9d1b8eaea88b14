package recipe

import (
	"errors"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/store/digest"
)

// varied is a recipe with variants, each of which states another part.
const varied = `format: 1
name: xx
summary: A thing
license: MIT
sources: {main: {path: src}}
limits: {memory: 1GiB, processes: 100}
rpm:
  builder: one
  spec: xx.spec
  outputs: [xx]
  env: {A: b, C: d}
deb:
  builder: one
  outputs: [xx]
  require: {xx: [/usr/bin/x]}
variants:
  loud:
    summary: It shouts
    limits: {time: 2h}
    sources: {main: {path: loud}, sounds: {pack: {drum: {path: drum}}}}
    rpm: {env: {A: loud}, sources: {sounds.tar.gz: sounds}}
  other.one:
    deb: {outputs: [yy], require: {yy: [/usr/bin/y]}}
    rpm: {}
`

func variedCollection(t *testing.T, text string) *Collection {
	return mapped(t, fstest.MapFS{"xx/recipe.yaml": {Data: []byte(text)}})
}

// TestVariants: what a variant states stands in the place of the recipe's own, field by
// field, and it makes those formats that it states.
func TestVariants(t *testing.T) {
	c := variedCollection(t, varied)
	if got := c.Names(); !slices.Equal(got, []string{"xx"}) {
		t.Errorf("names %q", got)
	}
	own := load(t, c, "xx")
	if want := []string{"loud", "other.one"}; !slices.Equal(own.Variants, want) {
		t.Errorf("variants %q", own.Variants)
	}
	if own.Sources[Main] != (Path{"src"}) || len(own.Sources) != 1 || own.RPM.Env["A"] != "b" || own.Deb.Outputs[0] != "xx" {
		t.Errorf("own: %+v", own)
	}

	loud := load(t, c, "xx+loud")
	if loud.Name != "xx+loud" || loud.Folder != "xx" || loud.Summary != "It shouts" || loud.License != "MIT" || loud.Deb != nil || loud.Variants != nil {
		t.Errorf("loud: %+v", loud)
	}
	if loud.Sources[Main] != (Path{"loud"}) || loud.Sources["sounds/drum"] != (Path{"drum"}) || len(loud.Sources) != 2 {
		t.Errorf("loud: sources %+v", loud.Sources)
	}
	if len(loud.RPM.Env) != 1 || loud.RPM.Env["A"] != "loud" || loud.RPM.Spec != "xx.spec" || loud.RPM.Builder != "one" {
		t.Errorf("loud: %+v", loud.RPM)
	}
	if want := (limits.Limits{Time: 2 * time.Hour}); loud.Limits != want {
		t.Errorf("loud: %+v", loud.Limits)
	}
	if got := loud.Takes(FormatRPM); !slices.Equal(got, []string{Main, "sounds/drum"}) {
		t.Errorf("loud takes %q", got)
	}

	other := load(t, c, "xx+other.one")
	if want := (limits.Limits{Memory: 1 << 30, Processes: 100}); other.Limits != want || own.Limits != want {
		t.Errorf("limits: own %+v, of other.one %+v", own.Limits, other.Limits)
	}
	if other.Summary != "A thing" || other.Deb.Outputs[0] != "yy" || len(other.Deb.Require) != 1 || other.RPM.Env["C"] != "d" {
		t.Errorf("other.one: %+v %+v", other.Deb, other.RPM)
	}
	if got := other.Formats(); !slices.Equal(got, []Format{FormatRPM, FormatDeb}) {
		t.Errorf("other.one makes %q", got)
	}
}

// TestVariantLock: a variant has a lock of its own, and another key.
func TestVariantLock(t *testing.T) {
	if got := LockFolder("xx+other.one"); got != "xx/variants/other.one" {
		t.Errorf("lock in %s", got)
	}
	if got := LockFolder("xx"); got != "xx" {
		t.Errorf("lock in %s", got)
	}
	lock := "format: 1\ndeb: {depends: [make]}\n"
	c := mapped(t, fstest.MapFS{
		"xx/recipe.yaml":                    {Data: []byte(varied)},
		"xx/variants/other.one/recipe.lock": {Data: []byte(lock)},
	})
	if r := load(t, c, "xx"); r.Lock != nil {
		t.Errorf("the recipe has the variant's lock: %+v", r.Lock)
	}
	r := load(t, c, "xx+other.one")
	if r.Lock == nil || !slices.Equal(r.Lock.Deb.Depends, []string{"make"}) {
		t.Fatalf("lock %+v", r.Lock)
	}
	in := Inputs{
		Trees: map[string]digest.Digest{Main: digest.Of([]byte("tree"))}, Changelog: Stamp{"1-1", 17},
		Builder: digest.Of([]byte("builder")), Sandbox: 1,
	}
	d, err := Close(r, FormatDeb, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	own := load(t, c, "xx")
	own.Lock = r.Lock
	plain, err := Close(own, FormatDeb, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "xx+other.one" || d.Key() == plain.Key() {
		t.Errorf("name %s, keys %s and %s", d.Name, d.Key(), plain.Key())
	}
}

// TestVariantMistakes: each is told where it stands, once, whichever variant is asked
// for.
func TestVariantMistakes(t *testing.T) {
	const head = "format: 1\nname: xx\nsummary: A thing\nlicense: MIT\nsources: {main: {path: src}}\n" +
		"deb: {builder: one, outputs: [xx]}\n"
	for _, tc := range []struct{ name, variants, want string }{
		{"no format", "variants: {v: {summary: Other}}", "xx/recipe.yaml:7:15: variants.v: deb or rpm: missing: a variant makes what it states, be it {}"},
		{"a new format", "variants: {v: {rpm: {builder: one}}}", "xx/recipe.yaml:7:21: variants.v.rpm.outputs: missing\nxx/recipe.yaml:7:21: variants.v.rpm.spec: missing"},
		{"unknown field", "variants: {v: {license: ISC, deb: {}}}", `xx/recipe.yaml:7:16: variants.v: unknown field "license": known are summary, version, limits, sources, rpm, deb`},
		{"in the section", "variants: {v: {deb: {debuk: keep}}}", `xx/recipe.yaml:7:22: variants.v.deb: unknown field "debuk": did you mean debug?`},
		{"name", "variants: {V_1: {deb: {}}}", `xx/recipe.yaml:7:12: variants.V_1: name "V_1": want lower case letters and digits, joined by single . or -, at most 64`},
		{"a source that nothing takes", "variants: {v: {sources: {more: {path: more}}, deb: {}}}", "xx/recipe.yaml:7:26: variants.v.sources.more: nothing takes it: a deb is made of main alone"},
		{"of the recipe, once", "variants: {v: {deb: {}}, w: {deb: {}}}\nextra: 1", `xx/recipe.yaml:8:1: unknown field "extra": known are format, name, summary, license, sources, version, limits, rpm, deb, variants`},
		{"a section's mistake, once", "variants: {v: {deb: {env: {HOME: x}}}}", "xx/recipe.yaml:7:28: deb.env.HOME: is set by pbuild"},
	} {
		for _, name := range []string{"xx", "xx+v"} {
			_, err := variedCollection(t, head+tc.variants+"\n").Recipe(name)
			if err == nil || err.Error() != tc.want {
				t.Errorf("%s: %s:\ngot  %v\nwant %s", tc.name, name, err, tc.want)
			}
		}
	}
}

func TestUnknownVariant(t *testing.T) {
	c := variedCollection(t, varied)
	for name, want := range map[string]string{
		"xx+lud":  `variant of xx "lud": unknown: did you mean loud?`,
		"xx+":     `recipe "xx+": unknown: did you mean xx?`,
		"yy+loud": `recipe "yy": unknown`,
	} {
		_, err := c.Recipe(name)
		says(t, err, want)
		if !errors.As(err, new(*UnknownError)) {
			t.Errorf("%s: %T", name, err)
		}
	}
}
