package deb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// maxDsc bounds a .dsc; with 1000 fields for binary packages the largest have some 100 KB.
const maxDsc = 4 << 20

// Dsc is what pbuild needs of a Debian source package's control file (dsc(5)).
type Dsc struct {
	Source  string // a valid package name
	Version string // a valid version
	Format  string // "1.0", "3.0 (quilt)", "3.0 (native)"
	Files   []DscFile
}

// DscFile is one file of a source package; it lies beside the .dsc.
type DscFile struct {
	Name   string // safe as a path component
	Size   int64  // bytes
	SHA256 digest.Digest
}

// ParseDsc reads a .dsc, clearsigned or not; a signature is not verified, since
// a .dsc is pinned by its own sha256. Files come from Checksums-Sha256, in its
// order; where the older Files is there, names and sizes must agree with it.
// File names with a slash, a leading dot or dash, or any character that needs
// care are refused, as is a name that stands twice.
func ParseDsc(b []byte) (Dsc, error) {
	d, err := parseDsc(b)
	if err != nil {
		return Dsc{}, fmt.Errorf("dsc: %w", err)
	}
	return d, nil
}

func parseDsc(b []byte) (Dsc, error) {
	if len(b) > maxDsc {
		return Dsc{}, fmt.Errorf("%w: more than %d bytes", ErrLimit, maxDsc)
	}
	text, err := signedText(string(b))
	if err != nil {
		return Dsc{}, err
	}
	pars, err := ParseControl(strings.NewReader(text))
	if err != nil {
		return Dsc{}, err
	}
	if len(pars) != 1 {
		return Dsc{}, fmt.Errorf("%d paragraphs, want 1", len(pars))
	}
	p := pars[0]
	d := Dsc{Source: p.Get("Source"), Version: p.Get("Version"), Format: p.Get("Format")}
	switch d.Format {
	case "1.0", "3.0 (quilt)", "3.0 (native)":
	default:
		return Dsc{}, fmt.Errorf("format %q is not supported", short(d.Format))
	}
	if err := errors.Join(CheckPackage(d.Source), CheckVersion(d.Version)); err != nil {
		return Dsc{}, err
	}
	sums, ok := p.Lookup("Checksums-Sha256")
	if !ok {
		return Dsc{}, errors.New("no field Checksums-Sha256")
	}
	rows, err := sumRows(sums, checkFileName)
	if err != nil {
		return Dsc{}, err
	}
	for _, r := range rows {
		sum, err := r.sha256()
		if err != nil {
			return Dsc{}, err
		}
		d.Files = append(d.Files, DscFile{Name: r.name, Size: r.size, SHA256: sum})
	}
	if old, ok := p.Lookup("Files"); ok {
		if err := sameFiles(d.Files, old); err != nil {
			return Dsc{}, err
		}
	}
	return d, nil
}

// sumRow is a line of a checksum field: checksum, size, name.
type sumRow struct {
	sum  string
	size int64
	name string
	line int
}

// sumRows reads a checksum field whose names pass check.
func sumRows(f Field, check func(name string) error) ([]sumRow, error) {
	var rows []sumRow
	seen := make(map[string]bool)
	for i, l := range strings.Split(f.Value, "\n") {
		line := f.Line + i
		w := strings.Fields(l)
		if i == 0 && len(w) == 0 {
			continue
		}
		if len(w) != 3 {
			return nil, fmt.Errorf("line %d: %s: want checksum, size and name", line, f.Name)
		}
		size, err := strconv.ParseUint(w[1], 10, 62)
		if err != nil {
			return nil, fmt.Errorf("line %d: bad size %q", line, short(w[1]))
		}
		if err := check(w[2]); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if seen[w[2]] {
			return nil, fmt.Errorf("line %d: file %s stands twice", line, w[2])
		}
		seen[w[2]] = true
		rows = append(rows, sumRow{w[0], int64(size), w[2], line})
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("line %d: %s names no file", f.Line, f.Name)
	}
	return rows, nil
}

// sha256 returns the checksum of a row of SHA256. One of zeros is that of no file, and
// would stand for «not known».
func (r sumRow) sha256() (digest.Digest, error) {
	sum, err := digest.ParseHex(r.sum)
	if err == nil && sum.IsZero() {
		err = errors.New("a checksum of zeros")
	}
	if err != nil {
		return digest.Digest{}, fmt.Errorf("line %d: %w", r.line, err)
	}
	return sum, nil
}

// sameFiles checks that a second checksum field speaks of the same files.
func sameFiles(files []DscFile, f Field) error {
	rows, err := sumRows(f, checkFileName)
	if err != nil {
		return err
	}
	sizes := make(map[string]int64, len(rows))
	for _, r := range rows {
		sizes[r.name] = r.size
	}
	for _, file := range files {
		if size, ok := sizes[file.Name]; !ok || size != file.Size || len(rows) != len(files) {
			return fmt.Errorf("line %d: %s and Checksums-Sha256 differ", f.Line, f.Name)
		}
	}
	return nil
}
