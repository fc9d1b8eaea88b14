package resolve_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/resolve"
	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/store/digest"
)

// TestTampered: of what an archive has signed, no byte can be another one; and
// nobody else can sign.
func TestTampered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, _ := packagesText()
	good := sign(t, key(t), text, releaseDate)
	other := sign(t, key(t), strings.Replace(text, "Package: old", "Package: new", 1), releaseDate)
	b.publish(good)
	b.apt() // it is good

	replace := func(old, with string) []byte {
		if bytes.Count(good.inRelease, []byte(old)) < 1 {
			t.Fatalf("%q is not in InRelease", old)
		}
		return bytes.Replace(good.inRelease, []byte(old), []byte(with), 1)
	}
	flipped := func(after string) []byte {
		at := bytes.Index(good.inRelease, []byte(after)) + len(after) + 10
		out := bytes.Clone(good.inRelease)
		if out[at]++; out[at-1] == '\n' || out[at] == '\n' {
			t.Fatal("flips a line's end")
		}
		return out
	}
	unsigned := good.inRelease[bytes.Index(good.inRelease, []byte("Origin:")):bytes.Index(good.inRelease, []byte("-----BEGIN PGP SIGNATURE"))]
	stranger := sign(t, newKey(t), text, releaseDate)
	const badSignature = "archive bookworm: refused by apt: GPG error: file:/run/apt/archive bookworm InRelease: The following signatures were invalid: BADSIG "
	const cantCheck = "archive bookworm: refused by apt: GPG error: file:/run/apt/archive bookworm InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY "
	for name, tc := range map[string]struct {
		inRelease []byte
		want      string
	}{
		"the date":                 {replace("16:37 UTC", "16:38 UTC"), badSignature},
		"a digest of another":      {replace(digest.Of(good.packages).Hex(), digest.Of(other.packages).Hex()), badSignature},
		"a field more":             {replace("Origin: ", "Version: 1\nOrigin: "), badSignature},
		"the signature":            {flipped("-----BEGIN PGP SIGNATURE-----\n\n"), "archive bookworm: refused by apt: "},
		"another's signature":      {stranger.inRelease, cantCheck},
		"no signature":             {unsigned, "archive bookworm: refused by apt: "},
		"text before it":           {append([]byte("Origin: x\n"), good.inRelease...), "archive bookworm: InRelease: release: line 1: text before the signed message"},
		"a signature of something": {append(bytes.Clone(good.inRelease), other.inRelease...), "archive bookworm: InRelease: release: line "},
	} {
		b.publish(good)
		b.publish(other)
		b.archive.Add(dists+"InRelease", tc.inRelease)
		_, err := b.tryApt()
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
		var refused *resolve.RefusedError
		if strings.Contains(tc.want, "refused by apt") && (!errors.As(err, &refused) || len(refused.Why) == 0) {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(b.store.Dir(), "tmp", "apt*")); err != nil || len(left) != 1 {
		t.Errorf("left: %q, %v", left, err) // the first one's, which is open
	}

	// Packages is fetched by its digest.
	for i, at := range []int{0, len(good.packages) / 2, len(good.packages) - 1} {
		bad := bytes.Clone(good.packages)
		bad[at] ^= 1
		b.archive.Add(dists+"InRelease", good.inRelease)
		b.archive.Add(dists+"main/binary-amd64/by-hash/SHA256/"+digest.Of(good.packages).Hex(), bad)
		if err := os.Remove(b.store.BlobPath(digest.Of(good.packages))); err != nil {
			t.Fatal(err)
		}
		_, err := b.resolver.Index(t.Context(), testenv.Suite)
		var mismatch *fetch.MismatchError
		if !errors.As(err, &mismatch) || mismatch.Want != digest.Of(good.packages) || mismatch.Got != digest.Of(bad) {
			t.Errorf("byte %d: got %v", at, err)
		}
		if i == 2 { // one that rots in the store is not read
			b.publish(good)
			index, err := b.resolver.Index(t.Context(), testenv.Suite)
			if err != nil {
				t.Fatal(err)
			}
			file := b.store.BlobPath(digest.Of(good.packages))
			if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, bad, 0o600)); err != nil {
				t.Fatal(err)
			}
			if _, err := b.resolver.Apt(t.Context(), b.base, index); err == nil || !strings.HasPrefix(err.Error(), "archive bookworm: ") {
				t.Errorf("rotten: %v", err)
			}
		}
		b.publish(good)
		if _, err := b.resolver.Index(t.Context(), testenv.Suite); err != nil {
			t.Error(err)
		}
	}
}

// TestIndex: what is taken for an index of the suite.
func TestIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, _ := packagesText()
	good := sign(t, key(t), text, releaseDate)
	index := func() (*resolve.Index, error) { return b.resolver.Index(t.Context(), testenv.Suite) }
	if _, err := index(); err == nil || err.Error() != "archive bookworm: fetch 1 file: gone from every mirror:\n  dists/bookworm/InRelease: "+b.archive.Base()+": 404 Not Found" {
		t.Errorf("an empty mirror: %v", err)
	}
	// A mirror without by-hash.
	b.archive.Add(dists+"InRelease", good.inRelease)
	b.archive.Add(dists+"main/binary-amd64/Packages.xz", good.packages)
	i, err := index()
	if err != nil || i.Release.InRelease != digest.Of(good.inRelease) || !i.Release.Date.Equal(releaseDate) {
		t.Errorf("got %+v, %v", i, err)
	}
	for _, blob := range [][]byte{good.inRelease, good.packages} {
		if got, err := b.store.ReadBlob(digest.Of(blob), 1<<20); err != nil || !bytes.Equal(got, blob) {
			t.Errorf("not in the store: %v", err)
		}
	}
	for name, tc := range map[string]struct{ old, with, want string }{
		"another suite": {"Codename: bookworm", "Codename: trixie", `archive bookworm: InRelease: is of "trixie"`},
		"no index":      {"Packages.xz", "Packages.gz", "archive bookworm: InRelease: names no main/binary-amd64/Packages.xz"},
		"a large index": {" main/binary-amd64/Packages.xz", "999999999 main/binary-amd64/Packages.xz", "archive bookworm: InRelease: main/binary-amd64/Packages.xz: "},
		"no Release":    {"Label: Tests", "<html>", "archive bookworm: InRelease: release: control: line 5: want «Field: value»"},
	} {
		b.archive.Add(dists+"InRelease", bytes.Replace(good.inRelease, []byte(tc.old), []byte(tc.with), 1))
		if _, err := index(); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	b.archive.Add(dists+"InRelease", bytes.Repeat([]byte("A"), 5<<20))
	if _, err := index(); err == nil || err.Error() != "archive bookworm: fetch "+b.archive.Base()+"/dists/bookworm/InRelease: more than 4194304 bytes" {
		t.Errorf("a large InRelease: %v", err)
	}
	// apt would take an archive for empty whose index it passes over.
	b.publish(signOnlyXZ(t, key(t), text))
	var refused *resolve.RefusedError
	if _, err := b.tryApt(); !errors.As(err, &refused) || err.Error() != "archive bookworm: refused by apt: it passes over main/binary-amd64/Packages.xz" {
		t.Errorf("passed over: %v", err)
	}
}
