package deb_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
)

const changelogText = `
hello (1:2.10-3) unstable stable; urgency=medium, binary-only=yes

  * A change.

    -- not the end
  [ A Name ]

 -- Someone <a@example.org>  Mon, 26 Dec 2022 16:30:00 +0100

nonsense that is not looked at
`

func TestParseChangelogTop(t *testing.T) {
	want := deb.Changelog{
		Source: "hello", Version: "1:2.10-3", Distribution: "unstable stable",
		Maintainer: "Someone <a@example.org>", Date: time.Unix(1672068600, 0).UTC(),
	}
	got, err := deb.ParseChangelogTop(strings.NewReader(changelogText))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	one := "a1 (0) x;\n -- A <b>  Thu,  1 Jan 1970 00:00:00 +0000"
	if got, err := deb.ParseChangelogTop(strings.NewReader(one)); err != nil || got.Date.Unix() != 0 || got.Source != "a1" {
		t.Error(got, err)
	}
}

// TestChangelogOtherDay: a day's name that contradicts the date counts for nothing.
func TestChangelogOtherDay(t *testing.T) {
	want, err := deb.ParseChangelogTop(strings.NewReader(changelogText))
	if err != nil {
		t.Fatal(err)
	}
	got, err := deb.ParseChangelogTop(strings.NewReader(strings.Replace(changelogText, "Mon,", "Tue,", 1)))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

// TestChangelogEntry: an entry is written as dpkg writes it, and reads as what was
// written, before the ones that are there.
func TestChangelogEntry(t *testing.T) {
	c := deb.Changelog{
		Source: "hello", Version: "1:2.10-4~u14.04+mos9", Distribution: "unstable stable",
		Maintainer: "Ein Name, GmbH <a@example.org>", Date: time.Date(2015, 9, 3, 23, 4, 5, 0, time.FixedZone("", -7200)),
	}
	const want = "hello (1:2.10-4~u14.04+mos9) unstable stable; urgency=medium\n\n  * Commit 1.\n  * More.\n\n" +
		" -- Ein Name, GmbH <a@example.org>  Fri,  4 Sep 2015 01:04:05 +0000\n\n"
	text := string(c.Entry("Commit 1.", "More."))
	if text != want {
		t.Errorf("got %q\nwant %q", text, want)
	}
	c.Date = c.Date.UTC()
	got, err := deb.ParseChangelogTop(strings.NewReader(text + changelogText))
	if diff := cmp.Diff(c, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestParseChangelogTopRefuses(t *testing.T) {
	replace := func(old, with string) string {
		if !strings.Contains(changelogText, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.Replace(changelogText, old, with, 1)
	}
	for _, c := range []struct{ name, in, want string }{
		{"empty", "\n\n", "changelog: empty"},
		{"no head", "  * A change.\n", "changelog: line 1: want «package (version) distribution; urgency=…»"},
		{"no semicolon", replace(";", ","), "changelog: line 2: want «package (version) distribution; urgency=…»"},
		{"no parentheses", replace("(1:2.10-3)", "1:2.10-3"), `changelog: line 2: want the version in parentheses, got "1:2.10-3"`},
		{"name", replace("hello", "Hello"), `changelog: line 2: package name "Hello"`},
		{"version", replace("2.10-3", "2.10_3"), `changelog: line 2: version "1:2.10_3"`},
		{"epoch", replace("1:2", "x:2"), `changelog: line 2: version "x:2.10-3": the epoch`},
		{"distribution", replace("stable;", "$(id);"), `changelog: line 2: bad distribution "$(id)"`},
		{"change", replace("  [", "["), `changelog: line 7: want a change, indented by two blanks, or the « -- » line, got "[ A Name ]"`},
		{"one blank before the date", replace(">  M", "> M"), "changelog: line 9: want « -- Name <mail>  date»"},
		{"no date", replace("26 Dec", "31 Feb"), `changelog: line 9: bad date "Mon, 31 Feb 2022`},
		{"no day", replace("Mon,", "Day,"), `changelog: line 9: bad date "Day, 26 Dec 2022`},
		{"old", replace("Mon, 26 Dec 2022", "Fri, 26 Dec 1969"), `changelog: line 9: bad date`},
		{"cut", changelogText[:80], "changelog: the entry of hello 1:2.10-3 has no « -- » line"},
		{"endless", strings.Replace(changelogText, "A change", strings.Repeat("x", 5<<20), 1), "changelog: the entry of hello 1:2.10-3 has no « -- » line within 4194304 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := deb.ParseChangelogTop(strings.NewReader(c.in))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParseChangelogTop(f *testing.F) {
	f.Add(changelogText)
	f.Add("a1 (0) x;\n -- A <b>  Thu,  1 Jan 1970 00:00:00 +0000")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := deb.ParseChangelogTop(strings.NewReader(in))
		if err != nil {
			return
		}
		if deb.CheckPackage(c.Source) != nil || deb.CheckVersion(c.Version) != nil || c.Distribution == "" || c.Date.Unix() < 0 {
			t.Fatalf("%+v", c)
		}
		if again, err := deb.ParseChangelogTop(bytes.NewReader(c.Entry("x"))); err != nil || again != c {
			t.Fatalf("%+v: its entry is read as %+v, %v", c, again, err)
		}
	})
}
