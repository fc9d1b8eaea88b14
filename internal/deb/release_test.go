package deb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
)

var releaseText = fmt.Sprintf(`Origin: Debian
Suite: oldstable
Codename: bookworm
Date: Sat, 11 Jul 2026 10:16:37 UTC
Architectures: all amd64
MD5Sum:
 0123456789abcdef0123456789abcdef 5 main/binary-amd64/Packages
SHA256:
 %s        50 main/binary-amd64/Packages
 %s 5 main/binary-amd64/Packages.xz
`, sumA.Hex(), sumB.Hex())

func TestParseRelease(t *testing.T) {
	want := deb.Release{
		Origin: "Debian", Codename: "bookworm", Date: time.Date(2026, 7, 11, 10, 16, 37, 0, time.UTC),
		Files: map[string]deb.ReleaseFile{
			"main/binary-amd64/Packages":    {Size: 50, SHA256: sumA},
			"main/binary-amd64/Packages.xz": {Size: 5, SHA256: sumB},
		},
	}
	for name, in := range map[string]string{"plain": releaseText, "signed": signed(releaseText)} {
		got, err := deb.ParseRelease([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseReleaseRefuses(t *testing.T) {
	replace := func(old, with string) string {
		if !strings.Contains(releaseText, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.ReplaceAll(releaseText, old, with)
	}
	for name, c := range map[string]struct{ in, want string }{
		"nothing":        {"", "release: 0 paragraphs, want 1"},
		"a web page":     {"<html>\n", "release: control: line 1: want «Field: value», got \"<html>\""},
		"two paragraphs": {releaseText + "\nOrigin: x\n", "release: 2 paragraphs, want 1"},
		"unsigned text":  {"Codename: x\n" + signed(releaseText), "release: line 1: text before the signed message"},
		"no date":        {replace("Date:", "Day:"), `release: date "": want a form such as Sat, 11 Jul 2026 10:16:37 UTC`},
		"another zone":   {replace("UTC", "+0200"), `release: date "Sat, 11 Jul 2026 10:16:37 +0200": want a form such as Sat, 11 Jul 2026 10:16:37 UTC`},
		"no sums":        {replace("SHA256", "SHA1"), "release: no field SHA256"},
		"a short sum":    {replace(sumA.Hex(), sumA.Hex()[1:]), "release: line 9: "},
		"a sum of zeros": {replace(sumA.Hex(), strings.Repeat("0", 64)), "release: line 9: a checksum of zeros"},
		"a way outside":  {replace("main/binary-amd64/Packages", "main/../../x"), "release: line 9: file name \"..\": unsafe"},
		"absolute":       {replace("main/binary-amd64/Packages", "/etc/passwd"), "release: line 9: file name \"\": unsafe"},
		"twice":          {replace("Packages.xz", "Packages"), "release: line 10: file main/binary-amd64/Packages stands twice"},
	} {
		if got, err := deb.ParseRelease([]byte(c.in)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add(releaseText)
	f.Add(signed(releaseText))
	f.Fuzz(func(t *testing.T, in string) {
		r, err := deb.ParseRelease([]byte(in))
		if err != nil {
			return
		}
		if r.Date.Unix() <= 0 || len(r.Files) == 0 {
			t.Fatalf("%+v", r)
		}
		for name, file := range r.Files {
			if strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") || file.Size < 0 || file.SHA256.IsZero() {
				t.Fatalf("%q: %+v", name, file)
			}
		}
	})
}
