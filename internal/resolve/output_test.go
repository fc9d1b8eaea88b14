package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

const planText = `Inst libc6 [2.36-9] (2.36-9+deb12u14 Debian:12.15/oldstable [amd64]) [libc6-dev:amd64 ]
Conf libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])
Inst python3-six (1.16.0-4 Debian:12.15/oldstable [all]) []
Inst g++ (4:12.2.0-3 Debian:12.15/oldstable, Other:1/stable [amd64])
Conf python3-six (1.16.0-4 Debian:12.15/oldstable [all])
`

func TestParsePlan(t *testing.T) {
	got, unmet, err := parsePlan([]byte(planText))
	want := []exact{{"libc6", "2.36-9+deb12u14"}, {"python3-six", "1.16.0-4"}, {"g++", "4:12.2.0-3"}}
	if err != nil || !slices.Equal(got, want) || unmet != nil {
		t.Errorf("got %v, %v, %v", got, unmet, err)
	}
	_, unmet, err = parsePlan([]byte("Remv dash [0.5.12-2]\nPurg old [1]\nInst bash (1 x [all])\n"))
	if err != nil || !slices.Equal(unmet, []Unmet{{"dash", "would have to be removed"}, {"old", "would have to be removed"}}) {
		t.Errorf("got %v, %v", unmet, err)
	}
	for in, want := range map[string]string{
		"Reading package lists...\n":        `apt says "Reading package lists...": not understood`,
		"\n":                                `apt says "": package name "": want two or more of a-z 0-9 + - . with a letter or digit first`,
		"Inst ../x (1 y [all])\n":           `apt says "Inst ../x (1 y [all])": package name "../x": want two or more of a-z 0-9 + - . with a letter or digit first`,
		"Inst libc6:i386 (1 y [i386])\n":    `apt says "Inst libc6:i386 (1 y [i386])": package name "libc6:i386": want two or more of a-z 0-9 + - . with a letter or digit first`,
		"Inst libc6 1 y\n":                  `apt says "Inst libc6 1 y": not understood`,
		"Inst libc6 (1)\n":                  `apt says "Inst libc6 (1)": not understood`,
		"Inst libc6 (1;x y [all])\n":        `apt says "Inst libc6 (1;x y [all])": version "1;x": want a digit, then letters, digits and . + - ~`,
		"Inst aa (1 y)\nInst aa (2 y)\n":    `apt says "Inst aa (2 y)": not understood`,
		strings.Repeat("Inst ", 100) + "\n": `apt says "Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst Inst …": package name "Inst": want two or more of a-z 0-9 + - . with a letter or digit first`,
	} {
		if got, _, err := parsePlan([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v", in, got, err)
		}
	}
}

func showText(name, version string) string {
	return fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nFilename: pool/main/x/%[1]s.deb\nSize: 5\nSHA256: %[3]s\n\n", name, version, digest.Of([]byte(name)).Hex())
}

func TestParseShow(t *testing.T) {
	wanted := []exact{{"two", "2"}, {"one", "1"}}
	text := showText("two", "2") + showText("one", "1")
	got, err := parseShow([]byte(text), wanted)
	want := []recipe.Package{
		{Name: "one", Version: "1", Arch: "all", SHA256: digest.Of([]byte("one")), Size: 5, Path: "pool/main/x/one.deb"},
		{Name: "two", Version: "2", Arch: "all", SHA256: digest.Of([]byte("two")), Size: 5, Path: "pool/main/x/two.deb"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	replace := func(old, with string) string { return strings.Replace(text, old, with, 1) }
	for name, tc := range map[string]struct{ in, want string }{
		"one too few":    {showText("two", "2"), "index: one 1: not there"},
		"one too many":   {text + showText("three", "3"), "index: three 3: not asked for"},
		"other version":  {replace("Version: 2", "Version: 3"), "index: two 3: not asked for"},
		"two of one":     {text + strings.Replace(showText("one", "1"), "Size: 5", "Size: 6", 1), "index: one 1: stands twice and differs"},
		"no sha256":      {replace("SHA256", "SHA512"), "index: two: SHA256: "},
		"no size":        {replace("Size: 5", "Size: "), "index: two: Size: "},
		"negative size":  {replace("Size: 5", "Size: -5"), "index: line 2: size \"-5\""},
		"a way outside":  {replace("pool/main/x/two", "pool/../../two"), "index: line 2: path \"pool/../../two.deb\""},
		"another's path": {replace("Filename: pool", "Filename: /etc"), "index: line 2: path \"/etc/main/x/two.deb\""},
		"a foreign one":  {replace("Architecture: all", "Architecture: i386"), "index: line 2: architecture \"i386\""},
		"no stanzas":     {"N: No packages found\nE: x\nE: y\n", "index: control: line 3: field E stands twice"},
	} {
		if got, err := parseShow([]byte(tc.in), wanted); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

const unmetText = `Reading package lists...
The following information may help to resolve the situation:

The following packages have unmet dependencies:
 builddeps:. : Depends: nosuch but it is not installable
               Depends: nosuch2:any (>= 3) but it is not installable or
                        nosuch3 but it is not installable
               Conflicts: make but 4.3-4.1 is to be installed
 exim4:amd64 : PreDepends: gone` + "\x1b[31m" + ` but it is not installable
E: Unable to correct problems, you have held broken packages.
E: another : Depends: x
`

func TestParseUnmet(t *testing.T) {
	want := []Unmet{
		{"nosuch", "nosuch but it is not installable"},
		{"nosuch2", "nosuch2:any (>= 3) but it is not installable or nosuch3 but it is not installable"},
		{"make", "Conflicts: make but 4.3-4.1 is to be installed"},
		{"exim4", "PreDepends: gone[31m but it is not installable"},
	}
	if diff := cmp.Diff(want, parseUnmet([]byte(unmetText))); diff != "" {
		t.Error(diff)
	}
	if got := complaints([]byte(unmetText)); !slices.Equal(got, []string{"Unable to correct problems, you have held broken packages.", "another : Depends: x"}) {
		t.Errorf("complaints %q", got)
	}
	if got := parseUnmet([]byte("E: Unable to correct problems.\n")); got != nil {
		t.Errorf("nothing: %v", got)
	}
}

// FuzzOutput: whatever apt prints, nothing of it gets into a lock that a lock
// could not hold, and no error message can move a terminal's cursor.
func FuzzOutput(f *testing.F) {
	f.Add(planText)
	f.Add(unmetText)
	f.Add(showText("two", "2"))
	f.Add("\nThe following packages have unmet dependencies:\n a\n  : b\n   c : d: e\n")
	f.Fuzz(func(t *testing.T, in string) {
		install, _, err := parsePlan([]byte(in))
		for _, p := range install {
			if err == nil && strings.ContainsAny(p.name+p.version, " =/\n\x00") {
				t.Fatalf("%q", p)
			}
		}
		if list, err := parseShow([]byte(in), []exact{{"two", "2"}}); err == nil && (len(list) != 1 || list[0].Name != "two") {
			t.Fatalf("%v", list)
		}
		for _, u := range parseUnmet([]byte(in)) {
			if strings.ContainsAny(u.Name+u.Why, "\x1b\n\r") {
				t.Fatalf("%q", u)
			}
		}
		for _, line := range complaints([]byte(in)) {
			if strings.ContainsAny(line, "\x1b\n\r") {
				t.Fatalf("%q", line)
			}
		}
	})
}
