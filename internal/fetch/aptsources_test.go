package fetch

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// etcApt writes files below ROOT/etc/apt and returns ROOT.
func etcApt(t *testing.T, files map[string]string) string {
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "etc/apt", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestHostMirrors(t *testing.T) {
	const list, a, b, z = "/etc/apt/sources.list", "/etc/apt/sources.list.d/a.sources", "/etc/apt/sources.list.d/b.list", "/etc/apt/sources.list.d/z.sources"
	root := etcApt(t, map[string]string{
		"sources.list": `# deb http://commented.example/debian bookworm main
deb http://one.example/debian bookworm main contrib # and why
deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/x.gpg] http://two.example/debian/ oldstable contrib main
deb [ arch=amd64 ]	https://[2001:db8::1]:8443/debian "stable" main

deb-src http://one.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12.1.0 # Bookworm]/ bookworm main
deb http://one.example/debian-security bookworm-security main
deb http://one.example/debian bookworm-updates main
deb http://one.example/debian bookworm-backports main
deb http://one.example/debian bookworm non-free
deb http://flat.example/debian ./
deb http://three.example/debian trixie main
deb tor+http://onion.example/debian bookworm main
deb mirror+file:/etc/apt/mirrors/debian.list bookworm main
deb copy:/srv/debian bookworm main
deb http://me:secret@four.example:port/debian bookworm main
deb file:/srv/debian bookworm main
deb http://ONE.example:80/debian/ oldoldstable main
deb http://one.example
deb [arch=amd64 http://one.example/debian bookworm main
rpm http://one.example/debian bookworm main
`,
		"sources.list.d/a.sources": `# The host's own
Types: deb deb-src
URIs: http://five.example/debian
# a comment within
 http://six.example/debian/
Suites: bookworm
 bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEYCQjIxYJKwYBBAHaRw8BAQdAD/P5Nvvnvk66SxBBHDbhRml9ORg1WV5CvzKY
 -----END PGP PUBLIC KEY BLOCK-----

# Types: deb
# URIs: http://commented.example/debian

types: deb
uris: http://seven.example/debian
suites: bookworm
components: main
ENABLED: No

Types: deb
URIs: http://one.example/debian
Suites: bookworm
Components: main
`,
		"sources.list.d/b.list":             "deb http://eight.example/debian bookworm main",
		"sources.list.d/z.sources":          "Types: deb\nnot a field\n",
		"sources.list.d/ignored.list.save":  "deb http://ignored.example/debian bookworm main\n",
		"sources.list.d/ignored~.list":      "deb http://ignored.example/debian bookworm main\n",
		"sources.list.d/.ignored.list":      "deb http://ignored.example/debian bookworm main\n",
		"sources.list.d/ignored.txt":        "deb http://ignored.example/debian bookworm main\n",
		"sources.list.d/old.list/inner.txt": "",
	})
	got, err := HostMirrors(root, "bookworm")
	if err != nil {
		t.Fatal(err)
	}
	skip := func(line int, what, why string) Skipped {
		return Skipped{fmt.Sprintf("%s:%d", list, line), what, why}
	}
	const noScheme = "scheme: want http, https or file"
	want := Mirrors{
		Suite: "bookworm",
		Host: []Mirror{
			{"http://one.example/debian", list + ":2", []string{"bookworm", "oldoldstable"}},
			{"http://two.example/debian", list + ":3", []string{"oldstable"}},
			{"https://[2001:db8::1]:8443/debian", list + ":4", []string{"stable"}},
			{"file:///srv/debian", list + ":18", []string{"bookworm"}},
			{"http://five.example/debian", a + ":2", []string{"bookworm"}},
			{"http://six.example/debian", a + ":2", []string{"bookworm"}},
			{"http://eight.example/debian", b + ":1", []string{"bookworm"}},
		},
		Skipped: []Skipped{
			skip(6, "deb-src", "type: want deb"),
			skip(7, "cdrom:", noScheme),
			skip(8, "bookworm-security", "suite: not bookworm"),
			skip(9, "bookworm-updates", "suite: not bookworm"),
			skip(10, "bookworm-backports", "suite: not bookworm"),
			skip(11, "non-free", "component: want main"),
			skip(12, "./", "suite: not bookworm"),
			skip(13, "trixie", "suite: not bookworm"),
			skip(14, "tor+http:", noScheme),
			skip(15, "mirror+file:", noScheme),
			skip(16, "copy:", noScheme),
			skip(17, "", "URL: not valid (want http://, https:// or file:///)"),
			skip(20, "", "want type, URI and suite"),
			skip(21, "", "no closing ']'"),
			skip(22, "rpm", "type: want deb"),
			{a + ":18", "", "disabled"},
			{"/etc/apt/sources.list.d/old.list", "", "not a regular file of at most 1048576 bytes"},
			{z, "", "control: line 2: want «Field: value», got \"not a field\""},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	// It reaches another process whole.
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var again Mirrors
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, again); d != "" {
		t.Error(d)
	}
}

func TestHostWithoutApt(t *testing.T) {
	got, err := HostMirrors(t.TempDir(), "bookworm")
	if d := cmp.Diff(Mirrors{Suite: "bookworm"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestUnreadableSources(t *testing.T) {
	root := etcApt(t, map[string]string{"sources.list": "deb http://one.example/debian bookworm main\n" + strings.Repeat("#", maxSources)})
	got, err := HostMirrors(root, "bookworm")
	if err != nil || len(got.Host) != 0 || len(got.Skipped) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	root = etcApt(t, map[string]string{"sources.list.d": "a file where a folder should be"})
	if _, err := HostMirrors(root, "bookworm"); err == nil || err.Error() != "/etc/apt/sources.list.d: not a directory" {
		t.Error(err)
	}
}

// FuzzSources: nothing crashes the parser, what it makes of a text stays within
// its bounds, and one-line entries print to a line that reads the same.
func FuzzSources(f *testing.F) {
	f.Add(true, "deb http://one.example/debian bookworm main\n")
	f.Add(true, "deb [ arch=amd64 ] http://[::1]/debian \"bookworm\" main # why\ndeb cdrom:[a b]/ stable main")
	f.Add(false, "Types: deb\nURIs: http://one.example/debian\n http://two.example/d\nSuites: bookworm\nComponents: main\n\n# x\nEnabled: no\n")
	f.Fuzz(func(t *testing.T, lines bool, text string) {
		name := "x.sources"
		if lines {
			name = "x.list"
		}
		entries, err := parseSources(name, text)
		if err != nil {
			return
		}
		m := Mirrors{Suite: "bookworm"}
		for _, e := range entries {
			if e.line < 1 || e.line > strings.Count(text, "\n")+1 {
				t.Fatalf("line %d of %q", e.line, text)
			}
			m.take(e, "x")
			words := slices.Concat(e.types, e.uris, e.suites, e.components)
			// A quote within brackets is part of its word, and can't be quoted.
			if lines && e.wrong == "" && !strings.Contains(strings.Join(words, ""), `"`) {
				printed := `"` + words[0] + `" [x] "` + strings.Join(words[1:], `" "`) + `"`
				again := parseLines(printed)
				e.line = 1
				if len(again) != 1 || !cmp.Equal(e, again[0], cmp.AllowUnexported(entry{})) {
					t.Fatalf("%+v printed as %s reads as %+v", e, printed, again)
				}
			}
		}
		if len(m.Host) > len(text) || len(m.Skipped) > len(text) {
			t.Fatalf("%d mirrors, %d reasons of %d bytes", len(m.Host), len(m.Skipped), len(text))
		}
		for _, h := range m.Host {
			if again, err := ParseMirror(h.Base, ""); err != nil || again.Base != h.Base {
				t.Fatalf("mirror %q reads as %q, %v", h.Base, again.Base, err)
			}
		}
	})
}
