package deb_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/store/digest"
)

var sumA, sumB = digest.Of([]byte("a")), digest.Of([]byte("b"))

var dscText = fmt.Sprintf(`Format: 3.0 (quilt)
Source: tree
Binary: tree
Version: 2.1.0-1
Checksums-Sha256:
 %s 50640 tree_2.1.0.orig.tar.gz
 %s 5528 tree_2.1.0-1.debian.tar.xz
Files:
 0123456789abcdef0123456789abcdef 5528 tree_2.1.0-1.debian.tar.xz
 0123456789abcdef0123456789abcdef 50640 tree_2.1.0.orig.tar.gz
`, sumA.Hex(), sumB.Hex())

func signed(text string) string {
	return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + text +
		"\n-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAd\n=abcd\n-----END PGP SIGNATURE-----\n"
}

func TestParseDsc(t *testing.T) {
	want := deb.Dsc{
		Source: "tree", Version: "2.1.0-1", Format: "3.0 (quilt)",
		Files: []deb.DscFile{
			{Name: "tree_2.1.0.orig.tar.gz", Size: 50640, SHA256: sumA},
			{Name: "tree_2.1.0-1.debian.tar.xz", Size: 5528, SHA256: sumB},
		},
	}
	for name, in := range map[string]string{
		"plain": dscText, "signed": signed(dscText), "signed with CRLF": strings.ReplaceAll(signed(dscText), "\n", "\r\n"),
		"dash-escaped": signed(strings.ReplaceAll(dscText, "Source:", "- Source:")),
	} {
		got, err := deb.ParseDsc([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestParseDscRefuses(t *testing.T) {
	replace := func(old, with string) string {
		if !strings.Contains(dscText, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.ReplaceAll(dscText, old, with)
	}
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "dsc: 0 paragraphs, want 1"},
		{"two", dscText + "\nA: 1\n", "dsc: 2 paragraphs, want 1"},
		{"format", replace("3.0 (quilt)", "3.0 (git)"), `dsc: format "3.0 (git)" is not supported`},
		{"source", replace("Source: tree", "Source: ../tree"), `dsc: package name "../tree"`},
		{"version", replace("Version: 2.1.0-1", "Version: 2.1.0/1"), `dsc: version "2.1.0/1"`},
		{"version for a shell", replace("Version: 2.1.0-1", "Version: 2$(id)"), `dsc: version "2$(id)"`},
		{"version for rpm", replace("Version: 2.1.0-1", "Version: 2%{lua:x}"), `dsc: version "2%{lua:x}"`},
		{"no checksums", replace("Checksums-Sha256", "Checksums-Sha1"), "dsc: no field Checksums-Sha256"},
		{"slash", replace("tree_2.1.0.orig", "a/../../b"), `dsc: line 6: file name "a/../../b.tar.gz": unsafe`},
		{"dots", replace("tree_2.1.0.orig.tar.gz", ".."), `dsc: line 6: file name "..": unsafe`},
		{"option", replace("tree_2.1.0.orig.tar.gz", "--x"), `dsc: line 6: file name "--x": unsafe`},
		{"escape code", replace("tree_2.1.0.orig", "a\x1b"), `dsc: line 6: file name "a\x1b.tar.gz": unsafe`},
		{"backquote", replace("tree_2.1.0.orig", "`id`"), "dsc: line 6: file name \"`id`.tar.gz\": unsafe"},
		{"sum of zeros", zeroSum(dscText), "dsc: line 6: a checksum of zeros"},
		{"size", replace("50640", "-1"), `dsc: line 6: bad size "-1"`},
		{"sum", replace(sumA.Hex(), "xyz"), "dsc: line 6: digest"},
		{"upper case sum", replace(sumA.Hex(), strings.ToUpper(sumA.Hex())), "dsc: line 6: digest"},
		{"columns", replace(" 50640 tree", " 50640 x tree"), "dsc: line 6: Checksums-Sha256: want checksum, size and name"},
		{"twice", replace("tree_2.1.0-1.debian.tar.xz", "tree_2.1.0.orig.tar.gz"), "dsc: line 7: file tree_2.1.0.orig.tar.gz stands twice"},
		{"files differ", strings.Replace(dscText, "abcdef 5528", "abcdef 5529", 1), "dsc: line 8: Files and Checksums-Sha256 differ"},
		{"more files", dscText + " 0123 1 more\n", "dsc: line 8: Files and Checksums-Sha256 differ"},
		{"no files", replace(":\n "+sumA.Hex()+" 50640 tree_2.1.0.orig.tar.gz\n "+sumB.Hex()+" 5528 tree_2.1.0-1.debian.tar.xz", ":"), "dsc: line 5: Checksums-Sha256 names no file"},
		{"text before", "Source: evil\n" + signed(dscText), "dsc: line 1: text before the signed message"},
		{"text after", signed(dscText) + "Source: evil\n", "dsc: line 20: text after the signature"},
		{"no signature", strings.Split(signed(dscText), "-----BEGIN PGP SIGNATURE")[0], "dsc: the signed message has no end"},
		{"other header", strings.Replace(signed(dscText), "Hash:", "NotDashEscaped:", 1), "dsc: line 2: header"},
		{"not escaped", signed(dscText + "-----BEGIN X\n"), `dsc: line 14: "-----BEGIN X" is not dash-escaped`},
		{"large", dscText + strings.Repeat("#\n", 2<<20), "dsc: over the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := deb.ParseDsc([]byte(c.in))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzParseDsc(f *testing.F) {
	f.Add(dscText)
	f.Add(signed(dscText))
	f.Fuzz(func(t *testing.T, in string) {
		d, err := deb.ParseDsc([]byte(in))
		if err != nil {
			return
		}
		if deb.CheckPackage(d.Source) != nil || deb.CheckVersion(d.Version) != nil || len(d.Files) == 0 {
			t.Fatalf("%+v", d)
		}
		for _, file := range d.Files {
			if strings.ContainsAny(file.Name, "/\x00\n \\$`\"'") || file.Name[0] == '.' || file.Size < 0 || file.SHA256.IsZero() {
				t.Fatalf("%+v", file)
			}
		}
	})
}

// zeroSum puts zeros for the first sha256.
func zeroSum(text string) string {
	sum := regexp.MustCompile(`[0-9a-f]{64}`).FindString(text)
	return strings.Replace(text, sum, strings.Repeat("0", 64), 1)
}
