package recipe

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/store/digest"
)

var update = flag.Bool("update", false, "write golden files that are absent, and schemas")

// goldens are the derivations of the fixture: recipes, as debs but for gitted and
// stamped, whose debs are called so.
var goldens = []string{
	"dsc", "full", "gitted", "gitted-deb", "small",
	"stamped", "stamped-deb", "stamped-folder", "stamped-folder-deb", "stamped-plan", "stamped-unmerged", "stamped-unmerged-deb",
}

// target returns what a golden is of.
func target(name string) (string, Format) {
	of, _, _ := strings.Cut(name, "-")
	if (of == "gitted" || of == "stamped") && !strings.HasSuffix(name, "-deb") {
		return of, FormatRPM
	}
	return of, FormatDeb
}

// inputs returns fixed inputs that fit the fixture's recipe.
func inputs(name string) Inputs {
	in := Inputs{Builder: digest.Of([]byte("builder")), Sandbox: 1}
	if name == "stamped" {
		in.Trees = map[string]digest.Digest{"modules/Beta_2": digest.Of([]byte("beta")), "data": digest.Of([]byte("data"))}
		in.Needs = map[string]Needed{"gitted": {Output: digest.Of([]byte("gitted"))}, "small": {Output: digest.Of([]byte("small"))}}
		return in
	}
	if name != "dsc" && name != "gitted" {
		in.Trees = map[string]digest.Digest{"main": digest.Of([]byte("main"))}
		in.Changelog = Stamp{"1:2.0~rc1-1", 1793534400}
		in.Asked = &Asked{}
	}
	if name == "small" {
		in.Debian = digest.Of([]byte("debian"))
	}
	return in
}

// other is a commit in the place of stamped's own.
var other = Locked{Ref: strings.Repeat("b", 40), Commit: strings.Repeat("b", 40), Tree: digest.Of([]byte("other")), Epoch: 1450000000, Version: "2:1.0.1-1"}

// prepared returns what a golden is closed from, with what its name says is given.
func prepared(t testing.TB, c *Collection, name string) (*Recipe, Format, Inputs) {
	t.Helper()
	of, format := target(name)
	r, in := load(t, c, of), inputs(of)
	in.Pinned = r.Pinned()
	switch {
	case strings.Contains(name, "-unmerged"):
		if err := r.Replace(Main, Git{URL: "https://two.example/stamped", Ref: other.Ref}, &other); err != nil {
			t.Fatal(err)
		}
		in.Given = []string{Main}
	case strings.Contains(name, "-folder"):
		in.Trees[Main], in.Changelog, in.Given = other.Tree, Stamp{other.Version, 1450000001}, []string{Main}
	case strings.Contains(name, "-plan"):
		in.Needs = map[string]Needed{"gitted": {Plan: digest.KeyOf([]byte("gitted"))}}
	}
	return r, format, in
}

func closed(t testing.TB, r *Recipe, in Inputs) *Derivation {
	t.Helper()
	d, err := Close(r, FormatDeb, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// derived closes a golden.
func derived(t testing.TB, name string) *Derivation {
	t.Helper()
	r, format, in := prepared(t, fixture(t), name)
	d, err := Close(r, format, AMD64, in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestGolden compares texts and keys with the committed ones. A text that
// changes wants a new DerivationFormat, hence a new folder: -update writes only
// what is absent.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "derivations", fmt.Sprint(DerivationFormat))
	var keys bytes.Buffer
	for _, name := range goldens {
		d := derived(t, name)
		golden(t, filepath.Join(dir, name+".txt"), d.Text())
		fmt.Fprintf(&keys, "%s  %s.txt\n", d.Key().Hex(), name)
	}
	golden(t, filepath.Join(dir, "SHA256SUMS"), keys.Bytes())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(file)
	if *update && errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: the text changed: raise DerivationFormat, then go test ./recipe -update\n%s", file, cmp.Diff(string(want), string(got)))
	}
}

// TestFields: the text says its fields, and only them.
func TestFields(t *testing.T) {
	for _, name := range goldens {
		d := derived(t, name)
		got, err := ParseDerivation(d.Text())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d.Fields(), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if d.Key() != digest.KeyOf(d.Text()) {
			t.Errorf("%s: key is not the text's hash", name)
		}
	}
}

// TestCloseCopies: a derivation keeps nothing of its recipe.
func TestCloseCopies(t *testing.T) {
	r := load(t, fixture(t), "full")
	d := closed(t, r, inputs("full"))
	before := d.Key()
	r.Deb.Outputs[0], r.Deb.Env["NEW"], r.Deb.Modes["new"] = "other", "x", "0644"
	delete(r.Sources, "main")
	if d.Key() != before {
		t.Error("the derivation changed with its recipe")
	}
}

func TestCloseRefuses(t *testing.T) {
	c := fixture(t)
	for _, tc := range []struct {
		name, recipe string
		change       func(*Recipe, *Inputs, *Format, *Arch)
		want         string
		lock         bool
	}{
		{"format", "small", func(_ *Recipe, _ *Inputs, f *Format, _ *Arch) { *f = FormatRPM }, "recipe small: says nothing of rpm packages", false},
		{"arch", "small", func(_ *Recipe, _ *Inputs, _ *Format, a *Arch) { *a = "all" }, `recipe small: architecture "all": want amd64`, false},
		{"builder", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Builder = digest.Digest{} }, "recipe small: builder one: no digest", false},
		{"sandbox", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Sandbox = 0 }, "recipe small: sandbox: no ABI number", false},
		{"tree", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Trees = nil }, "recipe small: source main: no digest", false},
		{"version", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Changelog.Version = "x" }, `recipe small: debian/changelog: version "x": want a digit, then a-z A-Z 0-9 . + ~ -`, false},
		{"epoch", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Changelog.Epoch = -1 }, "recipe small: debian/changelog: date -1: before 1970 or after 9999", false},
		{"no lock", "dsc", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { r.Lock = &Lock{Deb: &BuildLock{}} }, "recipe dsc: source main: recipe.lock does not fit: not in it", true},
		{"no lock at all", "dsc", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { r.Lock = nil }, "recipe dsc: deb: recipe.lock does not fit: there is none", true},
		{"lock without format", "gitted", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { r.Lock.Deb = nil }, "recipe gitted: deb: recipe.lock does not fit: it says nothing of build dependencies", true},
		{"other ref", "gitted", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { changeGit(r, func(g *Git) { g.Ref = "main" }) }, "recipe gitted: source main: recipe.lock does not fit: it says ref stable/1.0, the recipe main", true},
		{"other commit", "gitted", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) {
			ref := strings.Repeat("a", 40)
			changeGit(r, func(g *Git) { g.Ref = ref })
			changeLock(r, func(l *Locked) { l.Ref = ref })
		}, "recipe gitted: source main: recipe.lock does not fit: it says commit 5a0893726aaffdf223c5c4387e6b39d46355a822, the recipe " + strings.Repeat("a", 40), true},
		{"no version", "gitted", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { changeLock(r, func(l *Locked) { l.Version = "" }) }, "recipe gitted: source main: recipe.lock does not fit: it says no version of debian/changelog", true},
		{"new dependency", "gitted", func(r *Recipe, in *Inputs, _ *Format, _ *Arch) {
			in.Asked = &Asked{Depends: append([]string{"flex"}, r.Lock.Deb.Depends...), Extra: r.Lock.Deb.Extra, Mapped: r.Lock.Deb.Mapped}
		}, `recipe gitted: deb: recipe.lock does not fit: build dependency "flex" is not in it`, true},
		{"dependency gone", "gitted", func(r *Recipe, in *Inputs, _ *Format, _ *Arch) {
			in.Asked = &Asked{Depends: r.Lock.Deb.Depends[:1], Extra: r.Lock.Deb.Extra}
		}, `recipe gitted: deb: recipe.lock does not fit: build dependency "dh-systemd" is asked for no more`, true},
		{"new package", "small", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Asked.Extra = []string{"zsh"} }, `recipe small: deb: recipe.lock does not fit: package "zsh" is not in it`, true},
		{"other mapping", "gitted", func(r *Recipe, in *Inputs, _ *Format, _ *Arch) {
			in.Asked = &Asked{Depends: r.Lock.Deb.Depends, Extra: r.Lock.Deb.Extra, Mapped: map[string][]string{"dh-systemd": {"debhelper"}}}
		}, "recipe gitted: deb: recipe.lock does not fit: dependencies.yaml maps dh-systemd otherwise", true},
		{"lock without source", "dsc", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) { r.Lock.Sources = nil }, "recipe dsc: source main: recipe.lock does not fit: not in it", true},
		{"stale lock", "dsc", func(r *Recipe, _ *Inputs, _ *Format, _ *Arch) {
			r.Sources["main"] = Dsc{"pool/x/xy_9-1.dsc", digest.Of(nil)}
		}, "recipe dsc: source main: recipe.lock does not fit: it says 3:2.10~rc1-1.1, the recipe 9-1", true},
		{"other changelog", "dsc", func(_ *Recipe, in *Inputs, _ *Format, _ *Arch) { in.Changelog = Stamp{"2.10~rc1-1.1", 1} }, "recipe dsc: source main: recipe.lock does not fit: it says 3:2.10~rc1-1.1 at 1672326529, the changelog 2.10~rc1-1.1 at 1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, in, f, a := load(t, c, tc.recipe), inputs(tc.recipe), FormatDeb, AMD64
			tc.change(r, &in, &f, &a)
			d, err := Close(r, f, a, in)
			says(t, err, tc.want)
			if d != nil || errors.Is(err, ErrLock) != tc.lock {
				t.Errorf("derivation %v, lock error %v", d, errors.Is(err, ErrLock))
			}
		})
	}
	in := inputs("dsc")
	in.Changelog = Stamp{"3:2.10~rc1-1.1", 1672326529}
	if got, want := closed(t, load(t, c, "dsc"), in).Key(), closed(t, load(t, c, "dsc"), inputs("dsc")).Key(); got != want {
		t.Error("the changelog that the lock expects changes the key")
	}
}
