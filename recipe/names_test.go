package recipe

import (
	"regexp"
	"strings"
	"testing"
)

// TestForms holds what each form of text takes and refuses.
func TestForms(t *testing.T) {
	format := func(s string) (string, error) { f, err := ParseFormat(s); return string(f), err }
	arch := func(s string) (string, error) { a, err := ParseArch(s); return string(a), err }
	dsc := func(s string) (string, error) { return parseDscPath(s) }
	long := strings.Repeat("a", 2000)
	for _, c := range []struct {
		name      string
		parse     func(string) (string, error)
		good, bad []string
	}{
		{"format", format, []string{"deb", "rpm", "dsc", "srpm"}, []string{"", "Deb", "src", "deb "}},
		{"arch", arch, []string{"amd64"}, []string{"", "all", "any", "x86_64", "arm64"}},
		{
			"name", parseName,
			[]string{"a", "hello", "fuel-library8.0", "0ad", strings.Repeat("a", 64)},
			[]string{"", "-a", "a-", ".a", "..", "a..b", "a.-b", "a/b", "a_b", "a+b", "A", "é", "a b", "a\n", "builders", "profiles", "schemes", "targets", strings.Repeat("a", 65)},
		},
		{
			"package", parsePackage,
			[]string{"g++", "libstdc++6", "0ad", "python3.11", "x11-utils", "a."},
			[]string{"", "a", "+a", "-a", ".a", "a_b", "A1", "a/b", "a b", "a:amd64", "a=1", "a$(id)", "a\n", "é1", long},
		},
		{"output", parseOutput, []string{"hello"}, []string{"hello-dbgsym", "x"}},
		{
			"version", parseVersion,
			[]string{"1", "1.0-1", "2:1.0-1", "0:1", "1.0~rc1-1~bpo12+1", "1-2-3", "1:2:3-4", "8.0.0-1.mos136", "2147483647:1"},
			[]string{"", "-", "-1", "1-", "a", "v1", ":1", "1:", "x:1", "-1:1", "01:1", "2147483648:1", "1_0", "1 0", "1/0", "1$(id)", "1%{x}", "1\n", "1-1\n", "1:1-1:1", "é", "1" + long},
		},
		{
			"inside", parseInside,
			[]string{"a", "a/b", "a b", "-rf", "...", "a..b/c", "é", "$(id)", "%{lua:x}", "a'b\"c", ".git"},
			[]string{"", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/..", "a/../b", "../a", "a/../../b", "a\x00b", "a\nb", "a\tb", "\xff", long},
		},
		{
			"installed", parseInstalled,
			[]string{"/a", "/usr/bin/hello", "/a b", "/etc/..x"},
			[]string{"", "a", "/", "//a", "/a/", "/a/../b", "/./a", "/a//b", "/..", "/a\nb", "/" + long},
		},
		{"mode", parseMode, []string{"0755", "0644", "0600", "0000"}, []string{"", "755", "4755", "1777", "0888", "0o755", "0755 ", "00755"}},
		{
			"pool", parsePool,
			[]string{"pool/main/t/tree/tree_2.1.0-1.dsc", "pool/main/g/g++/g++_1~x.deb", "pool/x"},
			[]string{"", "pool", "pool/", "/pool/x", "pool//x", "pool/../x", "pool/./x", "pool/.x", "pool/-x", "pool/x?y", "pool/x#y", "pool/x%2e", "pool/a:b", "pool/a@b", "http://h/pool/x", "dists/x", "pool/x y", "pool/é", "pool/x\n", "pool/" + long},
		},
		{
			"dsc", dsc,
			[]string{"pool/main/t/tree/tree_2.1.0-1.dsc", "pool/x/g++_1~x.dsc"},
			[]string{"pool/x/tree.dsc", "pool/x/tree_2.1.0-1.deb", "pool/x/tree_.dsc", "pool/x/tree_v1.dsc", "pool/x/Tree_1.dsc", "pool/x/tree_1_amd64.dsc", "pool/tree_1.dsc/x"},
		},
		{
			"part", parsePart,
			[]string{"a", "stdlib", "Beta_2", "a.b-c", strings.Repeat("a", 64)},
			[]string{"", ".", "..", ".git", "1a", "_a", "-a", "a/b", "a b", "a+b", "é", "a\n", strings.Repeat("a", 65)},
		},
		{
			"tarball", parseTarball,
			[]string{"a.tar.gz", "upstream_modules.tar.gz", "1-x+y.0.tar.gz", "_.tar.gz", "a.tar.gz.tar.gz"},
			[]string{"", ".tar.gz", "a.tar", "a.tgz", "a.tar.xz", "a.tar.gz ", "a/b.tar.gz", "../a.tar.gz", "-a.tar.gz", ".a.tar.gz", "a b.tar.gz", "%{x}.tar.gz", "é.tar.gz", "a.tar.gz\n", long + ".tar.gz"},
		},
		{"edited line", parseEditLine, []string{"a", " ", "\t", "é%{x}\t$(id)", long}, []string{"", "a\nb", "\n", "\r", "\x00", "\x7f", long + long + long}},
		{"new line", parseNewLine, []string{"", "a", "\tb"}, []string{"a\nb", "\r", "\x1b", long + long + long}},
		{"line", parseLine, []string{"A thing", "é"}, []string{"", " ", "a\nb", "a\tb", long}},
		{"license", parseLicense, []string{"MIT", "GPL-2.0-or-later WITH x", "(A OR B) AND LicenseRef-x.y:z"}, []string{"", "GPL/2", "a\nb", "é"}},
		{
			"sha256", func(s string) (string, error) { d, err := parseSHA256(s); return d.Hex(), err },
			[]string{strings.Repeat("1", 64)},
			[]string{"", strings.Repeat("0", 64), strings.Repeat("1", 63), strings.Repeat("A", 64), "sha256:" + strings.Repeat("1", 64), strings.Repeat("g", 64)},
		},
		{
			"digest", func(s string) (string, error) { d, err := parseDigest(s); return d.String(), err },
			[]string{"sha256:" + strings.Repeat("1", 64)},
			[]string{"", "sha256:", strings.Repeat("1", 64), "sha512:" + strings.Repeat("1", 64), "sha256:" + strings.Repeat("0", 64)},
		},
		{
			"date", func(s string) (string, error) { d, err := parseDate(s); return d.Format("2006-01-02T15:04:05Z"), err },
			[]string{"2026-05-16T09:58:00Z", "1970-01-01T00:00:01Z"},
			[]string{"", "2026-05-16", "2026-05-16 09:58:00Z", "2026-05-16T09:58:00+00:00", "2026-05-16T09:58:00.5Z", "2026-05-16T11:58:00+02:00", "1970-01-01T00:00:00Z", "2026-13-01T00:00:00Z"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.good {
				if got, err := c.parse(s); err != nil || got != s {
					t.Errorf("%q: got %q, %v", s, got, err)
				}
			}
			for _, s := range c.bad {
				if got, err := c.parse(s); err == nil {
					t.Errorf("%q: accepted as %q", s, got)
				}
			}
		})
	}
}

// TestShownURL: what may be a password is not shown.
func TestShownURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org/a@main":            "https://example.org/a@main",
		"x=https://example.org:8080/a@b/c":      "x=https://example.org:8080/a@b/c",
		"https://[2001:db8::1]/a":               "https://[2001:db8::1]/a",
		"https://me:secret@example.org/a@main":  "https://…@example.org/a@main",
		"https://secret@example.org/a":          "https://…@example.org/a",
		"x=ssh://me:sec@ret@example.org/a@main": "x=ssh://…@example.org/a@main",
		"https://me:sec/ret@example.org/a":      "https://…@example.org/a",
		"a/folder@home":                         "a/folder@home",
	} {
		if got := ShownURL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// FuzzForms: what is spelled out matches what the expression beside it does.
func FuzzForms(f *testing.F) {
	forms := map[string]form{
		"name": nameForm, "package": packageForm, "env": envForm, "mode": modeForm, "macro": macroForm, "rpm": rpmNameForm, "license": licenseForm,
		"upstream": upstreamForm, "revision": revisionForm, "part": partForm, "tarball": tarballForm, "commit": commitForm, "ref": refForm, "pool": poolForm, "git": gitForm,
	}
	re := map[string]*regexp.Regexp{}
	for name, form := range forms {
		re[name] = regexp.MustCompile(form.text)
	}
	for _, s := range []string{
		"", "a", "ab", "a.b-c", "a..b", ".a", "a.", "A_b", "_x1", "1x", "0644", "0844", "06444", "a/b", "a//b", "/a", "a/", "pool/a/b", "pool/", "pool/-a", "pool", "a.tar.gz", ".tar.gz", "-a.tar.gz", "Beta_2",
		"https://host/path", "ssh://git@host.example:22/~a/b.git/", "git://h/a//", "https://h:/a", "http://h:123456/a", "http://-h/a", "http://h-/a", "http://a@b@h/c", "http://@h/c", "file:///a", "http://h/", "http://h/a:b", "http://a/b@c:1/d", "://h/a", "(A OR B)", "1.0~rc1", "1:2", "+x", "a\n", "é", "\xff", "a b", "%{x}", strings.Repeat("a", 40), strings.Repeat("0", 64), strings.Repeat("f", 41),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, form := range forms {
			if got, want := form.match(s), re[name].MatchString(s); got != want {
				t.Errorf("%s: %q: %v, and %s says %v", name, s, got, form.text, want)
			}
		}
	})
}
