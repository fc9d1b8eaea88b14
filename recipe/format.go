package recipe

import "fmt"

// Format is a package format.
type Format string

// The formats: of packages, and of the source packages that they could be built from.
const (
	FormatDeb  Format = "deb"
	FormatRPM  Format = "rpm"
	FormatDsc  Format = "dsc"  // a .dsc with the files that it names (dsc(5))
	FormatSRPM Format = "srpm" // a .src.rpm
)

// ParseFormat reads a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case FormatDeb, FormatRPM, FormatDsc, FormatSRPM:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want deb or rpm, or dsc or srpm for source packages", s)
}

// Section returns the format whose section of a recipe says how f is made: deb or
// rpm.
func (f Format) Section() Format {
	switch f {
	case FormatDsc:
		return FormatDeb
	case FormatSRPM:
		return FormatRPM
	}
	return f
}

// Source returns the format of the source packages of f.
func (f Format) Source() Format {
	if f.Section() == FormatRPM {
		return FormatSRPM
	}
	return FormatDsc
}

// IsSource reports whether f is one of source packages.
func (f Format) IsSource() bool { return f != f.Section() }

// Arch is an architecture that is built for, by its Debian name.
type Arch string

// AMD64 is the architecture that the committed builders are locked for.
const AMD64 Arch = "amd64"

// ParseArch reads an architecture that builders are locked for.
func ParseArch(s string) (Arch, error) {
	if s == string(AMD64) {
		return AMD64, nil
	}
	return "", fmt.Errorf("architecture %q: want amd64", s)
}
