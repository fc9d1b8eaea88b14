package recipe

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Package is one binary package of the archive, exactly: a line of
// NAME.packages.
type Package struct {
	Name, Version string
	Arch          string        // amd64 or all
	SHA256        digest.Digest // of the .deb
	Size          int64         // bytes
	Path          string        // below a mirror's root, e.g. pool/main/a/apt/apt_2.6.1_amd64.deb
}

// Limits of a list of packages.
const (
	maxPackages    = 20000
	maxPackageLine = 2048
	maxPackageSize = 4 << 30
)

// ParsePackages reads a list of packages: a line each, in the list's order,
// with tabs between name, version, architecture, sha256 in hexadecimal, size
// and path. Each name stands once. WritePackages gives the same bytes again.
func ParsePackages(r io.Reader) ([]Package, error) {
	br := bufio.NewReaderSize(r, maxPackageLine)
	var out []Package
	seen := map[string]bool{}
	for n := 1; ; n++ {
		line, err := br.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			return out, nil
		}
		switch {
		case err == io.EOF:
			return nil, fmt.Errorf("line %d: ends without a newline", n)
		case err == bufio.ErrBufferFull:
			return nil, fmt.Errorf("line %d: longer than %d bytes", n, maxPackageLine)
		case err != nil:
			return nil, err
		case n > maxPackages:
			return nil, fmt.Errorf("line %d: more than %d packages", n, maxPackages)
		}
		p, err := parsePackageLine(string(line[:len(line)-1]))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("line %d: package %s: stands twice", n, p.Name)
		}
		seen[p.Name] = true
		out = append(out, p)
	}
}

func parsePackageLine(line string) (Package, error) {
	f := strings.Split(line, "\t")
	if len(f) != 6 {
		return Package{}, fmt.Errorf("%d fields: want name, version, architecture, sha256, size, path", len(f))
	}
	if _, err := parsePackage(f[0]); err != nil {
		return Package{}, err
	}
	if _, err := parseVersion(f[1]); err != nil {
		return Package{}, err
	}
	if f[2] != "all" {
		if _, err := ParseArch(f[2]); err != nil {
			return Package{}, err
		}
	}
	sum, err := parseSHA256(f[3])
	if err != nil {
		return Package{}, err
	}
	size, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil || size < 1 || size > maxPackageSize || strconv.FormatInt(size, 10) != f[4] {
		return Package{}, fmt.Errorf("size %q: want bytes, 1 to %d", f[4], int64(maxPackageSize))
	}
	if _, err := parsePool(f[5]); err != nil {
		return Package{}, err
	}
	if !strings.HasSuffix(f[5], ".deb") {
		return Package{}, fmt.Errorf("path %q: want a .deb", f[5])
	}
	return Package{f[0], f[1], f[2], sum, size, f[5]}, nil
}

// WritePackages writes the list that ParsePackages reads.
func WritePackages(w io.Writer, list []Package) error {
	b := bufio.NewWriter(w)
	for _, p := range list {
		fmt.Fprintf(b, "%s\t%s\t%s\t%s\t%d\t%s\n", p.Name, p.Version, p.Arch, p.SHA256.Hex(), p.Size, p.Path)
	}
	return b.Flush()
}
