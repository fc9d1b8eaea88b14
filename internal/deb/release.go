package deb

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// maxRelease bounds a Release file; Debian 12's has 150 KB.
const maxRelease = 16 << 20

// Release is what pbuild needs of an archive's Release or InRelease file
// (Debian's repository format, "Release" files).
type Release struct {
	Origin   string
	Codename string    // e.g. bookworm
	Date     time.Time // UTC
	Files    map[string]ReleaseFile
}

// ReleaseFile is one index that a Release file names; the key is its path below
// dists/SUITE, e.g. main/binary-amd64/Packages.xz.
type ReleaseFile struct {
	Size   int64 // bytes
	SHA256 digest.Digest
}

// ParseRelease reads a Release file, clearsigned or not. The signature is not
// verified: who trusts what comes back has let apt do that.
func ParseRelease(b []byte) (Release, error) {
	r, err := parseRelease(b)
	if err != nil {
		return Release{}, fmt.Errorf("release: %w", err)
	}
	return r, nil
}

func parseRelease(b []byte) (Release, error) {
	if len(b) > maxRelease {
		return Release{}, fmt.Errorf("%w: more than %d bytes", ErrLimit, maxRelease)
	}
	text, err := signedText(string(b))
	if err != nil {
		return Release{}, err
	}
	pars, err := ParseControl(strings.NewReader(text))
	if err != nil {
		return Release{}, err
	}
	if len(pars) != 1 {
		return Release{}, fmt.Errorf("%d paragraphs, want 1", len(pars))
	}
	p := pars[0]
	r := Release{Origin: p.Get("Origin"), Codename: p.Get("Codename"), Files: map[string]ReleaseFile{}}
	if r.Date, err = releaseDate(p.Get("Date")); err != nil {
		return Release{}, err
	}
	sums, ok := p.Lookup("SHA256")
	if !ok {
		return Release{}, errors.New("no field SHA256")
	}
	rows, err := sumRows(sums, checkIndexPath)
	if err != nil {
		return Release{}, err
	}
	for _, row := range rows {
		sum, err := row.sha256()
		if err != nil {
			return Release{}, err
		}
		r.Files[row.name] = ReleaseFile{Size: row.size, SHA256: sum}
	}
	return r, nil
}

// releaseDate reads a date as Release files have it, which is always in UTC.
func releaseDate(s string) (time.Time, error) {
	for _, zone := range []string{" UTC", " GMT", " +0000", " Z"} {
		if text, ok := strings.CutSuffix(s, zone); ok {
			if t, err := time.Parse("Mon, _2 Jan 2006 15:04:05", text); err == nil && t.Unix() > 0 {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("date %q: want a form such as Sat, 11 Jul 2026 10:16:37 UTC", short(s))
}

// checkIndexPath says why s can't name an index below dists/SUITE.
func checkIndexPath(s string) error {
	for part := range strings.SplitSeq(s, "/") {
		if err := checkFileName(part); err != nil {
			return err
		}
	}
	return nil
}
