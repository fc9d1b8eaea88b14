package recipe

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fuel-infra/pbuild/store/digest"
)

func TestBuilder(t *testing.T) {
	c := fixture(t)
	names, err := c.BuilderNames()
	if err != nil || !slices.Equal(names, []string{"one", "two"}) {
		t.Fatalf("names: %q, %v", names, err)
	}
	packages := readFixture(t, "builders/one.packages")
	want := &Builder{
		Name: "one", Summary: "The bottom layer", Suite: "bookworm", Packages: []string{"apt", "build-essential"},
		Lock: &BuilderLock{
			Suite: "bookworm",
			Release: Release{
				Date:      time.Date(2026, 5, 16, 9, 58, 0, 0, time.UTC),
				InRelease: digest.Of([]byte("inrelease")),
			},
			Builder: digest.Of([]byte("builder")), Size: 438679040, Packages: digest.Of(packages), Files: digest.Of([]byte("usr/bin/apt\n")),
		},
	}
	one, err := c.Builder("one")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, one, cmpopts.IgnoreUnexported(Builder{})); d != "" {
		t.Error(d)
	}
	if got, want := one.Lock.Text(), readFixture(t, "builders/one.lock"); !bytes.Equal(got, want) {
		t.Errorf("lock printed as\n%s", got)
	}
	files, err := c.Files(one)
	if err != nil || string(files) != "usr/bin/apt\n" {
		t.Errorf("files: %q, %v", files, err)
	}
	chain, err := c.ChainOf(load(t, c, "full"), FormatDeb)
	if err != nil || len(chain) != 2 || chain[0].Name != "one" || chain[1].Name != "two" || chain[1].Lock != nil {
		t.Errorf("chain: %v, %v", chain, err)
	}
	if _, err := c.Files(chain[1]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("files of a builder without lock: %v", err)
	}
}

// altered returns the fixture's builders with some files replaced.
func altered(t *testing.T, files map[string]string) *Collection {
	t.Helper()
	m := fstest.MapFS{}
	for _, name := range []string{"full/recipe.yaml", "builders/one.yaml", "builders/one.lock", "builders/one.packages", "builders/one.files", "builders/two.yaml"} {
		m[name] = &fstest.MapFile{Data: readFixture(t, name)}
	}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return mapped(t, m)
}

func TestBuilderMistakes(t *testing.T) {
	one := string(readFixture(t, "builders/one.yaml"))
	two := string(readFixture(t, "builders/two.yaml"))
	lock := string(readFixture(t, "builders/one.lock"))
	for _, c := range []struct{ name, file, text, old, by, want string }{
		{"unknown field", "one.yaml", one, "suite:", "siute: x\nsuite:", `builders/one.yaml:4:1: unknown field "siute": did you mean suite?`},
		{"no suite", "one.yaml", one, "suite: bookworm\n", "", "builders/one.yaml:1:1: suite: missing"},
		{"package twice", "one.yaml", one, "build-essential", "apt", "builders/one.yaml:5:17: packages[1]: apt: stands twice"},
		{"no packages", "one.yaml", one, "[apt, build-essential]", "[]", "builders/one.yaml:5:11: packages: want at least one"},
		{"package version", "one.yaml", one, "apt,", "apt=1,", `builders/one.yaml:5:12: packages[0]: package name "apt=1": want two or more of a-z 0-9 + - . beginning with a letter or digit`},
		{"name", "one.yaml", one, "name: one", "name: eno", `builders/one.yaml:2:7: name: "eno": the file says "one"`},
		{"newer", "one.yaml", one, "format: 1", "format: 2", "builders/one.yaml:1:9: format: 2: newer than this pbuild, which reads 1"},
		{"unknown base", "two.yaml", two, "base: one", "base: oen", `builders/two.yaml:5:7: base: builder "oen": unknown: did you mean one?`},
		{"own base", "two.yaml", two, "base: one", "base: two", "builders/two.yaml:5:7: base: two stands on itself"},
		{"circle", "one.yaml", one, "suite: bookworm", "suite: bookworm\nbase: two", "builders/one.yaml:5:7: base: two stands on itself"},
		{"suite of base", "two.yaml", two, "suite: bookworm", "suite: trixie", "builders/two.yaml:5:7: base: one is of bookworm, two of trixie"},
		{"lock without digest", "one.lock", lock, "builder: sha256:", "builder: sha512:", `builders/one.lock:7:10: builder: digest "sha512:df6b07176a9b17cc4c9afc257bd404732e7d09b76436c7890f7b7be14e579794": want sha256: and 64 lower case hexadecimal digits`},
		{"lock without size", "one.lock", lock, "size: 438679040\n", "", "builders/one.lock:2:1: size: missing"},
		{"lock with time", "one.lock", lock, `"2026-05-16T09:58:00Z"`, "2026-05-16T09:58:00Z", "builders/one.lock:5:9: release.date: 2026-05-16T09:58:00Z is a time: quote it"},
		{"lock suite", "one.lock", lock, `suite: "bookworm"`, `suite: "trixie"`, "builders/one.lock:3:8: suite: trixie: the builder says bookworm"},
		{"lock release", "one.lock", lock, "  inrelease", "  inrelaese", "builders/one.lock:5:3: release.inrelease: missing\n" + `builders/one.lock:6:3: release: unknown field "inrelaese": did you mean inrelease?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(c.text, c.old, c.by, 1)
			if text == c.text {
				t.Fatal("nothing replaced")
			}
			_, err := altered(t, map[string]string{"builders/" + c.file: text}).Chain("two")
			says(t, err, c.want)
		})
	}
	t.Run("of a recipe", func(t *testing.T) {
		recipe := strings.Replace(string(readFixture(t, "full/recipe.yaml")), "builder: two", "builder: tow", 1)
		c := altered(t, map[string]string{"full/recipe.yaml": recipe})
		_, err := c.ChainOf(load(t, c, "full"), FormatDeb)
		says(t, err, `full/recipe.yaml:10:12: deb.builder: builder "tow": unknown: did you mean two?`)
		if unknown := new(UnknownError); !errors.As(err, &unknown) {
			t.Errorf("%T", err)
		}
	})
}

func TestPackages(t *testing.T) {
	c := fixture(t)
	one, err := c.Builder("one")
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Packages(one)
	want := []Package{
		{"apt", "2.6.1", "amd64", digest.Of([]byte("apt")), 1372852, "pool/main/a/apt/apt_2.6.1_amd64.deb"},
		{"automake", "1:1.16.5-1.3", "all", digest.Of([]byte("automake")), 822960, "pool/main/a/automake-1.16/automake_1.16.5-1.3_all.deb"},
	}
	if d := cmp.Diff(want, list); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	var b bytes.Buffer
	if err := WritePackages(&b, list); err != nil || !bytes.Equal(b.Bytes(), readFixture(t, "builders/one.packages")) {
		t.Errorf("written as %q, %v", b.Bytes(), err)
	}
	other := altered(t, map[string]string{"builders/one.packages": "x\n", "builders/one.files": "y\n"})
	_, err = other.Packages(one)
	says(t, err, "builders/one.packages: is sha256:73cb3858a687: the lock says sha256:1aaeebce90ba")
	_, err = other.Files(one)
	says(t, err, "builders/one.files: is sha256:"+digest.Of([]byte("y\n")).Hex()[:12]+": the lock says sha256:5487e9dca43b")
	one.Lock = nil
	_, err = other.Packages(one)
	says(t, err, "builders/one.packages: line 1: 1 fields: want name, version, architecture, sha256, size, path")
}

func TestPackageMistakes(t *testing.T) {
	sum := strings.Repeat("a", 64)
	good := "apt\t2.6.1\tamd64\t" + sum + "\t5\tpool/main/a/apt/apt_2.6.1_amd64.deb\n"
	if _, err := ParsePackages(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, by, want string }{
		{"no newline", "\n", "", "line 1: ends without a newline"},
		{"CRLF", "\n", "\r\n", `line 1: path "pool/main/a/apt/apt_2.6.1_amd64.deb\r": want pool/… of a-z A-Z 0-9 . + ~ _ -`},
		{"empty line", "\n", "\n\n", "line 2: 1 fields: want name, version, architecture, sha256, size, path"},
		{"twice", "\n", "\n" + good, "line 2: package apt: stands twice"},
		{"spaces", "\t2.6.1\t", " 2.6.1 ", "line 1: 4 fields: want name, version, architecture, sha256, size, path"},
		{"name", "apt\t", "../apt\t", `line 1: package name "../apt": want two or more of a-z 0-9 + - . beginning with a letter or digit`},
		{"version", "2.6.1", "$(id)", `line 1: version "$(id)": want a digit, then a-z A-Z 0-9 . + ~ -`},
		{"arch", "amd64", "i386", `line 1: architecture "i386": want amd64`},
		{"sum", sum, sum[1:], `line 1: digest "sha256:` + sum[1:] + `": want sha256: and 64 lower case hexadecimal digits`},
		{"zero sum", sum, strings.Repeat("0", 64), "line 1: digest: all zero"},
		{"size", "\t5\t", "\t05\t", `line 1: size "05": want bytes, 1 to 4294967296`},
		{"no size", "\t5\t", "\t0\t", `line 1: size "0": want bytes, 1 to 4294967296`},
		{"large", "\t5\t", "\t4294967297\t", `line 1: size "4294967297": want bytes, 1 to 4294967296`},
		{"path", "pool/main/a", "pool/../a", `line 1: path "pool/../a/apt/apt_2.6.1_amd64.deb": want pool/… of a-z A-Z 0-9 . + ~ _ -`},
		{"no deb", ".deb\n", ".udeb\n", `line 1: path "pool/main/a/apt/apt_2.6.1_amd64.udeb": want a .deb`},
		{"long line", "apt\t", strings.Repeat("a", 2048) + "\t", "line 1: longer than 2048 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := strings.Replace(good, c.old, c.by, 1)
			list, err := ParsePackages(strings.NewReader(in))
			says(t, err, c.want)
			if list != nil {
				t.Error("a list nevertheless")
			}
		})
	}
	if _, err := ParsePackages(iotestErr{}); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("reader's error: %v", err)
	}
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, fs.ErrPermission }
