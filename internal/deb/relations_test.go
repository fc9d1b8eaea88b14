package deb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
)

func TestParseRelations(t *testing.T) {
	got, err := deb.ParseRelations("debhelper (>= 9),\n python-all:any(>>2.6~) [ linux-any !hurd-i386x ] |\tg++,")
	if err == nil {
		t.Fatalf("mixed architectures: %+v", got)
	}
	got, err = deb.ParseRelations("\n debhelper (>= 9),\n python-all:any(>>2.6~) [!i386 !hurd-any]<!nocheck !cross> <stage1> |\tg++,\n libc6-dev:native (=1:2.36-9+deb12u1)\n,")
	if err != nil {
		t.Fatal(err)
	}
	want := deb.Relations{
		{{Name: "debhelper", Op: ">=", Version: "9"}},
		{
			{
				Name: "python-all", Qualifier: "any", Op: ">>", Version: "2.6~",
				Arches: []string{"!i386", "!hurd-any"}, Profiles: [][]string{{"!nocheck", "!cross"}, {"stage1"}},
			},
			{Name: "g++"},
		},
		{{Name: "libc6-dev", Qualifier: "native", Op: "=", Version: "1:2.36-9+deb12u1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	const text = "debhelper (>= 9), python-all:any (>> 2.6~) [!i386 !hurd-any] <!nocheck !cross> <stage1> | g++, libc6-dev:native (= 1:2.36-9+deb12u1)"
	if got.String() != text {
		t.Errorf("got %s", got)
	}
	for _, nothing := range []string{"", " \n"} {
		if got, err := deb.ParseRelations(nothing); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", nothing, got, err)
		}
	}
}

func TestParseRelationsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		",":                      `relation "": a name is missing`,
		"debhelper,, dpkg":       `relation "": a name is missing`,
		"debhelper |":            `relation "debhelper |": a name is missing`,
		"Debhelper":              `relation "Debhelper": package name "Debhelper": want two or more of a-z 0-9 + - . with a letter or digit first`,
		"${misc:Depends}":        `relation "${misc:Depends}": package name "${misc": want two or more of a-z 0-9 + - . with a letter or digit first`,
		"debhelper:":             `relation "debhelper:": architecture "": want letters, digits and -`,
		"debhelper (9)":          `relation "debhelper (9)": (9): want one of << <= = >= >> before the version`,
		"debhelper (> 9)":        `relation "debhelper (> 9)": (> 9): want one of << <= = >= >> before the version`,
		"debhelper (>= )":        `relation "debhelper (>= )": version "": want a digit, then letters, digits and . + - ~`,
		"debhelper (>= 9":        `relation "debhelper (>= 9": ( without )`,
		"debhelper ()":           `relation "debhelper ()": nothing between ( and )`,
		"debhelper (>= 9) dh":    `relation "debhelper (>= 9) dh": "dh": not expected here`,
		"gcc <a> [amd64]":        `relation "gcc <a> [amd64]": "[amd64]": not expected here`,
		"gcc [amd64 !i386]":      `relation "gcc [amd64 !i386]": [amd64 !i386]: some are negated and others not`,
		"gcc [!]":                `relation "gcc [!]": architecture "": want letters, digits and -`,
		"gcc <!>":                `relation "gcc <!>": profile "!": want a-z 0-9 . + -`,
		"gcc <!nocheck; reboot>": `relation "gcc <!nocheck; reboot>": profile "!nocheck;": want a-z 0-9 . + -`,
	} {
		if got, err := deb.ParseRelations(in); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v\nwant %s", in, got, err, want)
		}
	}
	for name, in := range map[string]string{
		"relations":     strings.Repeat("gcc,", 5000),
		"alternatives":  strings.Repeat("gcc|", 100) + "gcc",
		"architectures": "gcc [" + strings.Repeat("amd64 ", 100) + "]",
		"profiles":      "gcc <" + strings.Repeat("nocheck ", 100) + ">",
		"lists":         "gcc " + strings.Repeat("<nocheck>", 100),
		"text":          strings.Repeat(" ", 2<<20),
	} {
		if _, err := deb.ParseRelations(in); !errors.Is(err, deb.ErrLimit) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMapRelations(t *testing.T) {
	mapping := map[string][]string{
		"python-all":        {"python3"},
		"python-setuptools": {"python3-setuptools", "python3-distutils"},
		"dh-systemd":        {},
		"both":              {"one", "two"},
		"python3":           {"never"}, // what replaces is not replaced
	}
	for _, tc := range []struct{ in, want, used string }{
		{"debhelper (>= 9), gcc", "debhelper (>= 9), gcc", ""},
		{"python-all (>= 2.6)", "python3", "python-all"},
		{"python-all:any (>= 2.6) [amd64] <!nocheck>", "python3 [amd64] <!nocheck>", "python-all"},
		{"debhelper, dh-systemd (>= 1.4), gcc", "debhelper, gcc", "dh-systemd"},
		{"python-setuptools", "python3-setuptools, python3-distutils", "python-setuptools"},
		{"debhelper (>= 9.2) | dh-systemd", "", "dh-systemd"},
		{"debhelper (>= 9.2) | dh-systemd [i386]", "debhelper (>= 9.2)", "dh-systemd"},
		{"dh-systemd [i386]", "", "dh-systemd"},
		{"python-setuptools | gcc (>= 4) | both", "python3-setuptools | gcc (>= 4) | one, python3-setuptools | gcc (>= 4) | two, " +
			"python3-distutils | gcc (>= 4) | one, python3-distutils | gcc (>= 4) | two", "both python-setuptools"},
		{"python-all (>= 2.6), gcc, python-all (<< 3)", "python3, gcc", "python-all"},
	} {
		r, err := deb.ParseRelations(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		got, used, err := r.Map(mapping)
		if err != nil || got.String() != tc.want || strings.Join(used, " ") != tc.used {
			t.Errorf("%s: got %s, %q, %v", tc.in, got, used, err)
		}
		if r.String() != tc.in {
			t.Errorf("%s became %s", tc.in, r)
		}
	}
	r, _ := deb.ParseRelations("gcc | both")
	if _, _, err := r.Map(map[string][]string{"both": {"one", "No"}}); err == nil ||
		err.Error() != `relation "gcc | both": both: package name "No": want two or more of a-z 0-9 + - . with a letter or digit first` {
		t.Errorf("got %v", err)
	}
	wide, _ := deb.ParseRelations(strings.TrimSuffix(strings.Repeat("both|", 40), "|"))
	if _, _, err := wide.Map(mapping); !errors.Is(err, deb.ErrLimit) {
		t.Errorf("2^40 relations: %v", err)
	}
}

// FuzzParseRelations: what is accepted is printed as a text that reads to the
// same, and the same again.
func FuzzParseRelations(f *testing.F) {
	for _, s := range []string{
		"", "debhelper (>= 9), gcc | g++", "python-all:any (>> 2.6~) [!i386 !hurd-any]<!nocheck !cross> <stage1> | g++,",
		"a (=1:2)", "${misc:Depends}", "gcc [amd64", "gcc <<a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := deb.ParseRelations(s)
		if err != nil {
			return
		}
		again, err := deb.ParseRelations(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q: %q, %v", r, again, err)
		}
		if diff := cmp.Diff(r, again); diff != "" && len(r) > 0 {
			t.Fatal(diff)
		}
	})
}
