package recipe

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fuel-infra/pbuild/store/digest"
)

// sourceMistakes are those of sources beside main, and of who takes them. The source
// more is what stands in the second field, the files made of it in the third; without
// the latter no rpm is made.
func sourceMistakes() (all []mistake) {
	const dir, file = "{path: more}", "{x.tar.gz: more}"
	for _, m := range [...][4]string{
		{"source of no format", dir, "", "f:5:30: sources.more: nothing takes it: a deb is made of main alone"},
		{"source of no file", dir, "{}", "f:5:30: sources.more: nothing takes it: name it in rpm.sources"},
		{"source dsc", "{dsc: {}}", file, `f:5:37: sources.more: unknown field "dsc": known are path, git, pack, mirrors, ref, submodules`},
		{"pack empty", "{pack: {}}", file, "f:5:43: sources.more.pack: want at least one"},
		{"pack list", "{pack: [a]}", file, "f:5:43: sources.more.pack: want a mapping, have a list"},
		{"pack of text", "{pack: {a: src}}", file, "f:5:47: sources.more.pack.a: want a mapping, have text"},
		{"pack nested", "{pack: {a: {pack: {b: {path: b}}}}}", file, `f:5:48: sources.more.pack.a: unknown field "pack": known are path, git, mirrors, ref, submodules`},
		{"pack of dsc", "{pack: {a: {dsc: {}}}}", file, `f:5:48: sources.more.pack.a: unknown field "dsc": known are path, git, mirrors, ref, submodules`},
		{"pack and path", "{path: more, pack: {a: {path: a}}}", file, "f:5:36: sources.more: has path and pack: want one of them"},
		{"pack with ref", "{pack: {a: {path: a}}, ref: main}", file, "f:5:64: sources.more.ref: belongs to git"},
		{"pack folder", "{pack: {a/b: {path: a}}}", file, `f:5:44: sources.more.pack.a/b: name "a/b": want a letter, then letters, digits and . _ -, at most 64`},
		{"pack folder hidden", "{pack: {.git: {path: a}}}", file, `f:5:44: sources.more.pack..git: name ".git": want a letter, then letters, digits and . _ -, at most 64`},
		{"pack outside", "{pack: {a: {path: ../a}}}", file, `f:5:54: sources.more.pack.a.path: path "../a": leads outside`},
		{"pack git without ref", "{pack: {a: {git: 'https://x.example/a'}}}", file, "f:5:47: sources.more.pack.a.ref: missing"},
		{"rpm source unknown", dir, "{x.tar.gz: mroe}", `f:6:71: rpm.sources.x.tar.gz: source "mroe": not in sources: did you mean more?`},
		{"rpm source main", dir, "{x.tar.gz: main, y.tar.gz: more}", "f:6:71: rpm.sources.x.tar.gz: source main: is what source0 is made of: want another one"},
		{"rpm source of a pack", "{pack: {a: {path: a}}}", "{x.tar.gz: more/a}", `f:6:71: rpm.sources.x.tar.gz: source "more/a": not in sources: known are more`},
		{"rpm source number", dir, "{x.tar.gz: 1}", "f:6:71: rpm.sources.x.tar.gz: 1 is a number: quote it"},
		{"rpm source file", dir, "{x.zip: more}", `f:6:61: rpm.sources.x.zip: file "x.zip": want NAME.tar.gz of letters, digits and . _ + -`},
		{"rpm source file elsewhere", dir, "{../x.tar.gz: more}", `f:6:61: rpm.sources.../x.tar.gz: file "../x.tar.gz": want NAME.tar.gz of letters, digits and . _ + -`},
	} {
		rpm := ""
		if m[2] != "" {
			rpm = "rpm: {builder: one, outputs: [xx], spec: xx.spec, sources: " + m[2] + "}\n"
		}
		all = append(all, mistake{m[0], "sources: {main: {path: src}}\n", "sources: {main: {path: src}, more: " + m[1] + "}\n" + rpm, m[3]})
	}
	return append(
		all,
		mistake{"sources list", "{main: {path: src}}", "[main]", "f:5:10: sources: want a mapping, have a list"},
		mistake{"sources empty", "{main: {path: src}}", "{}", "f:5:10: sources.main: missing"},
		mistake{"source name", "{main: {path: src}}", "{main: {path: src}, More: {path: more}}", `f:5:30: sources.More: name "More": want lower case letters and digits, joined by single . or -, at most 64`},
		mistake{"source ref of a path", "{path: src}", "{path: src, ref: main}", "f:5:34: sources.main.ref: belongs to git"},
		mistake{"pack of main", "{path: src}", "{pack: {a: {path: a}}}", `f:5:18: sources.main: unknown field "pack": known are path, git, dsc, mirrors, ref, submodules`},
		mistake{"rpm source of none", "deb:\n", "rpm: {builder: one, outputs: [xx], spec: xx.spec, sources: {x.tar.gz: more}}\ndeb:\n", `f:6:71: rpm.sources.x.tar.gz: source "more": not in sources`},
	)
}

// TestSources compares what a recipe says of several sources, and who takes which.
func TestSources(t *testing.T) {
	r := load(t, fixture(t), "stamped")
	ref := "1f2e3d4c5b6a79880123456789abcdef01234567"
	want := map[string]Source{
		"main":           Git{URL: "https://one.example/stamped", Ref: "release/v1.0"},
		"modules/alpha":  Git{URL: "https://one.example/alpha", Ref: ref},
		"modules/Beta_2": Path{"beta"},
		"data":           Path{"data"},
	}
	if d := cmp.Diff(want, r.Sources); d != "" {
		t.Error(d)
	}
	for source, want := range map[string][]string{
		"main": {"main"}, "modules": {"modules/Beta_2", "modules/alpha"}, "data": {"data"}, "mod": nil, "modules/alpha": nil,
	} {
		if got := r.Parts(source); !slices.Equal(got, want) {
			t.Errorf("parts of %s: %q, want %q", source, got, want)
		}
	}
	all := []string{"main", "data", "modules/Beta_2", "modules/alpha"}
	for f, want := range map[Format][]string{FormatRPM: all, FormatSRPM: all, FormatDeb: {"main"}, FormatDsc: {"main"}} {
		if got := r.Takes(f); !slices.Equal(got, want) {
			t.Errorf("%s takes %q, want %q", f, got, want)
		}
	}
	if _, err := fixture(t).SourceFolder(r, "modules/Beta_2", Path{"beta"}); err != nil {
		t.Error(err)
	}
	_, err := fixture(t).SourceFolder(r, "modules/Beta_2", Path{"none"})
	says(t, err, "stamped/recipe.yaml:11:15: sources.modules.pack.Beta_2.path: stamped/none: no such file or directory")
}

// TestSourcesLock: the lock says of the parts of a pack what it says of main, but
// for what is stamped; its text is what it was read from.
func TestSourcesLock(t *testing.T) {
	r := load(t, fixture(t), "stamped")
	digestOf := func(s string) digest.Digest { d, _ := digest.ParseHex(s); return d }
	main := Locked{
		Version: "2:1.0.0-3", Epoch: 1441270956, Ref: "release/v1.0", Kind: RefTag, Count: 41,
		Commit: "5a0893726aaffdf223c5c4387e6b39d46355a822",
		Tree:   digestOf("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
	}
	alpha := Locked{
		Epoch: 1429050409, Ref: "1f2e3d4c5b6a79880123456789abcdef01234567", Commit: "1f2e3d4c5b6a79880123456789abcdef01234567",
		Tree: digestOf("fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"),
	}
	want := map[string]Locked{"main": main, "modules/alpha": alpha}
	if d := cmp.Diff(want, r.Lock.Sources); d != "" {
		t.Error(d)
	}
	if got, want := string(r.Lock.Text()), string(readFixture(t, "stamped/recipe.lock")); got != want {
		t.Error(cmp.Diff(want, got))
	}
	if d := cmp.Diff(want, r.Pinned()); d != "" {
		t.Error(d)
	}
	r.Sources["modules/alpha"] = Git{URL: "https://one.example/alpha", Ref: "master"}
	_, err := r.LockedSource("modules/alpha")
	says(t, err, "recipe stamped: source modules/alpha: recipe.lock does not fit: it says ref "+alpha.Ref+", the recipe master")
	if d := cmp.Diff(map[string]Locked{"main": main}, r.Pinned()); d != "" {
		t.Errorf("pinned, of a stale lock: %s", d)
	}
	_, err = r.LockedSource("data")
	says(t, err, "recipe stamped: source data: not locked")
}

// TestLockOddNames: a source has any name, also one that YAML takes for something
// else than text.
func TestLockOddNames(t *testing.T) {
	r := &Recipe{Sources: map[string]Source{}}
	l := &Lock{Sources: map[string]Locked{}, RPM: &BuildLock{}}
	for _, name := range []string{"1", "1.0", "1e3", "0x1f", "2026-11-01", "true", "false", "null", "yes", "off", "nan", "modules/true", "modules/No"} {
		r.Sources[name] = Git{}
		l.Sources[name] = Locked{Epoch: 1, Ref: "main", Commit: other.Commit, Tree: other.Tree}
	}
	again, err := parseLock("f", l.Text(), r)
	if err != nil {
		t.Fatalf("%v\n%s", err, l.Text())
	}
	if d := cmp.Diff(l, again, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}
