package recipe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Inputs are what the caller found out for Close.
type Inputs struct {
	// Trees are the digests of the unpacked Path sources, by name. Dsc sources
	// stand in the recipe by digest already.
	Trees map[string]digest.Digest
	// Changelog is the newest entry of debian/changelog. For a Dsc it may be
	// left zero, since the lock holds it; given, it must be the lock's.
	Changelog Stamp
	// Debian is the digest of debian/ found in the recipe's folder; zero when
	// it lies in the main source.
	Debian digest.Digest
	// Builder is the OCI config digest of the builder's image.
	Builder digest.Digest
	// Sandbox is the ABI number of the sandbox.
	Sandbox int
}

// Close makes the derivation of a recipe for one format and architecture. It is
// a function of its arguments. ErrLock: recipe.lock is missing or stale.
func Close(r *Recipe, f Format, a Arch, in Inputs) (*Derivation, error) {
	if f != FormatDeb || r.Deb == nil {
		return nil, fmt.Errorf("recipe %s: says nothing of %s packages", r.Name, f)
	}
	if _, err := ParseArch(string(a)); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", r.Name, err)
	}
	d := &Derivation{
		Name: r.Name, Format: f, Arch: a,
		Sandbox: in.Sandbox, Builder: in.Builder,
		Sources: map[string]Input{},
		Outputs: slices.Clone(r.Deb.Outputs), Debug: r.Deb.Debug,
		Env: maps.Clone(r.Deb.Env), Modes: maps.Clone(r.Deb.Modes),
	}
	if in.Builder.IsZero() {
		return nil, fmt.Errorf("recipe %s: builder %s: no digest", r.Name, r.Deb.Builder)
	}
	if in.Sandbox < 1 {
		return nil, fmt.Errorf("recipe %s: sandbox: no ABI number", r.Name)
	}
	for name, s := range r.Sources {
		switch s := s.(type) {
		case Path:
			tree := in.Trees[name]
			if tree.IsZero() {
				return nil, fmt.Errorf("recipe %s: source %s: no digest", r.Name, name)
			}
			d.Sources[name] = Input{TreeInput, tree}
		case Dsc:
			d.Sources[name] = Input{DscInput, s.SHA256}
		}
	}
	var err error
	if d.Stamp, err = r.stamp(in.Changelog); err != nil {
		return nil, fmt.Errorf("recipe %s: %w", r.Name, err)
	}
	d.Debian = DebianInput{Digest: in.Debian}
	if in.Debian.IsZero() {
		d.Debian.InSource = r.Deb.Debian
	}
	return d, nil
}

// stamp returns what a build of the main source stamps, checked.
func (r *Recipe) stamp(changelog Stamp) (Stamp, error) {
	dsc, ok := r.Sources[Main].(Dsc)
	if !ok {
		if _, err := parseVersion(changelog.Version); err != nil {
			return Stamp{}, fmt.Errorf("debian/changelog: %w", err)
		}
		if changelog.Epoch < 1 || changelog.Epoch > maxEpoch {
			return Stamp{}, fmt.Errorf("debian/changelog: date %d: before 1970 or after 9999", changelog.Epoch)
		}
		return changelog, nil
	}
	if r.Lock == nil {
		return Stamp{}, fmt.Errorf("source %s: %w: there is none", Main, ErrLock)
	}
	locked, ok := r.Lock.Sources[Main]
	switch {
	case !ok:
		return Stamp{}, fmt.Errorf("source %s: %w: not in it", Main, ErrLock)
	case withoutEpoch(locked.Version) != dsc.version():
		return Stamp{}, fmt.Errorf("source %s: %w: it says %s, the recipe %s", Main, ErrLock, locked.Version, dsc.version())
	case changelog != Stamp{} && changelog != locked:
		return Stamp{}, fmt.Errorf("source %s: %w: it says %s at %d, the changelog %s at %d", Main, ErrLock,
			locked.Version, locked.Epoch, changelog.Version, changelog.Epoch)
	}
	return locked, nil
}
