package realize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// checkOutputs wants exactly the declared packages; with debug packages kept,
// one for each that is not for every architecture, and what rpmbuild makes of
// their sources.
func (s *site) checkOutputs(files []store.File) error {
	d := s.node.Derivation
	expected, may := map[string]bool{}, map[string]bool{}
	for _, name := range d.Outputs {
		expected[name] = true
	}
	if d.Debug && d.Format == recipe.FormatDeb {
		for _, f := range files {
			if expected[f.Package] && f.Arch != "all" && !strings.HasSuffix(f.Package, "-dbgsym") {
				expected[f.Package+"-dbgsym"] = true
			}
		}
	}
	if d.Debug && d.Format == recipe.FormatRPM {
		for _, name := range d.Outputs {
			may[name+"-debuginfo"], may[name+"-debugsource"] = true, true
		}
	}
	var e OutputsError
	for _, f := range files {
		if !expected[f.Package] && !may[f.Package] {
			e.Extra = append(e.Extra, f.Package)
		}
		delete(expected, f.Package)
		delete(may, f.Package)
	}
	for name := range expected {
		e.Missing = append(e.Missing, name)
	}
	if len(e.Missing)+len(e.Extra) == 0 {
		return nil
	}
	slices.Sort(e.Missing)
	return &e
}

// checkRelease says which rpms do not have the release that the recipe's scheme
// stamps, which rpmbuild gets as a macro that a spec may pass over.
func (s *site) checkRelease(files []store.File) error {
	want := s.node.Derivation.Release
	for _, f := range files {
		if i := strings.LastIndexByte(f.Version, '-'); want != "" && f.Version[i+1:] != want {
			return &ReleaseError{Package: f.Package, Spec: s.node.Recipe.RPM.Spec, Want: want, Got: f.Version[i+1:]}
		}
	}
	return nil
}

// outputDigest is the output digest of a realization: over the names and output
// digests of its packages, sorted.
func outputDigest(files []store.File) digest.Digest {
	var lines []string
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%s %s\n", f.Package, f.Output))
	}
	slices.Sort(lines)
	return digest.Of([]byte("pbuild outputs 1\n" + strings.Join(lines, "")))
}

// lacking returns those of the wanted absolute paths that a package's output
// text does not list.
func lacking(text []byte, want []string) []string {
	have := output.Paths(text)
	var lost []string
	for _, p := range want {
		if !have[strings.TrimPrefix(p, "/")] {
			lost = append(lost, p)
		}
	}
	return lost
}
