package recipe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Inputs are what the caller found out for Close.
type Inputs struct {
	// Trees are the digests of unpacked sources, by name: of each Path, and of
	// others only where a folder was given in their place. Else a Dsc stands in
	// the recipe by digest, and a Git in the lock.
	Trees map[string]digest.Digest
	// Changelog is the newest entry of debian/changelog, for an rpm the date of
	// that of the spec's %changelog. It is left zero where the lock holds it and
	// the source is not at hand; given, it must be the lock's.
	Changelog Stamp
	// Debian is the digest of debian/, and Spec that of the spec file, found in
	// the recipe's folder; zero when it lies in the main source.
	Debian, Spec digest.Digest
	// Asked is what the build asks for; nil when the source is not at hand.
	Asked *Asked
	// Needs are what the recipes come to that the format needs, by name.
	Needs map[string]Needed
	// Given are the names of sources that stand in the place of the recipe's own, and
	// Pinned is what its own git sources are locked to: a scheme counts from there.
	Given  []string
	Pinned map[string]Locked
	// Builder is the OCI config digest of the builder's image.
	Builder digest.Digest
	// Sandbox is the ABI number of the sandbox.
	Sandbox int
}

// Close makes the derivation of a recipe for one format and architecture. It is
// a function of its arguments. ErrLock: recipe.lock is missing or stale.
func Close(r *Recipe, f Format, a Arch, in Inputs) (*Derivation, error) {
	b := r.Build(f)
	if b == nil {
		return nil, fmt.Errorf("recipe %s: says nothing of %s packages", r.Name, f)
	}
	d, err := r.close(b, f, a, in)
	if err != nil {
		return nil, &CloseError{r.Name, err}
	}
	return d, nil
}

// CloseError says why a recipe can't be closed.
type CloseError struct {
	Recipe string
	Err    error // ErrLock: its lock is the reason
}

func (e *CloseError) Error() string { return fmt.Sprintf("recipe %s: %v", e.Recipe, e.Err) }

func (e *CloseError) Unwrap() error { return e.Err }

func (r *Recipe) close(b *Build, f Format, a Arch, in Inputs) (*Derivation, error) {
	if _, err := ParseArch(string(a)); err != nil {
		return nil, err
	}
	if in.Builder.IsZero() {
		return nil, fmt.Errorf("builder %s: no digest", b.Builder)
	}
	if in.Sandbox < 1 {
		return nil, fmt.Errorf("sandbox: no ABI number")
	}
	d := &Derivation{
		Name: r.Name, Format: f, Arch: a,
		Sandbox: in.Sandbox, Builder: in.Builder,
		Sources: map[string]Input{},
		Outputs: slices.Clone(b.Outputs), Debug: b.Debug,
		Edits: slices.Clone(b.Edits), Env: maps.Clone(b.Env), Modes: maps.Clone(b.Modes),
		Home: maps.Clone(b.Home), Files: maps.Clone(b.Files),
	}
	var err error
	for _, name := range r.NeedsOf(f) {
		n, ok := in.Needs[name]
		if !ok || n.Output.IsZero() == n.Plan.IsZero() {
			return nil, fmt.Errorf("%s: needs %s: no digest", f, name)
		}
		if d.Needs == nil {
			d.Needs = map[string]Needed{}
		}
		d.Needs[name] = n
	}
	if d.Packages, err = r.packages(f, in.Asked); err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	for _, name := range r.Takes(f) {
		if d.Sources[name], err = r.input(name, r.Sources[name], in.Trees[name]); err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
	}
	if d.Stamp, err = r.stamp(f, in); err != nil {
		return nil, err
	}
	if err := r.restamp(d, in); err != nil {
		return nil, err
	}
	if f.Section() == FormatRPM {
		d.Spec = FileInput{Digest: in.Spec}
		if in.Spec.IsZero() {
			d.Spec.InSource = r.RPM.Spec
		}
		d.Source0, d.Archives, d.Defines = r.RPM.Source0, maps.Clone(r.RPM.Sources), maps.Clone(r.RPM.Defines)
		return d, nil
	}
	d.Debian = FileInput{Digest: in.Debian}
	if in.Debian.IsZero() {
		d.Debian.InSource = r.Deb.Debian
	}
	return d, nil
}

// packages returns what the lock adds to the builder, after it was held against
// what is asked for.
func (r *Recipe) packages(f Format, asked *Asked) (Extra, error) {
	l := r.Lock.Build(f)
	switch {
	case r.Lock == nil && asked == nil:
		return Extra{}, fmt.Errorf("%w: there is none", ErrLock)
	case l == nil && asked == nil:
		return Extra{}, fmt.Errorf("%w: it says nothing of build dependencies", ErrLock)
	case l == nil:
		l = &BuildLock{} // enough for who asks for nothing
	}
	if asked != nil {
		if err := l.check(*asked); err != nil {
			return Extra{}, err
		}
	}
	return Extra{Packages: l.Packages, Date: l.Release.Date, Mapped: maps.Clone(l.Mapped)}, nil
}

// CheckAsked holds what a build asks for against the lock, for a source that was
// not at hand for Close: ErrLock.
func (r *Recipe) CheckAsked(f Format, asked Asked) error {
	_, err := r.packages(f, &asked)
	return err
}

// input returns a source as the key sees it. A folder that holds what was
// locked is what was locked.
func (r *Recipe) input(name string, s Source, given digest.Digest) (Input, error) {
	switch s := s.(type) {
	case Dsc:
		if given.IsZero() {
			return Input{Kind: DscInput, Digest: s.SHA256}, nil
		}
	case Git:
		l, err := r.lockedGit(name, s)
		if given.IsZero() && err != nil {
			return Input{}, err
		}
		if given.IsZero() || err == nil && given == l.Tree {
			return Input{Kind: GitInput, Commit: l.Commit, Digest: l.Tree}, nil
		}
	case Path:
		if given.IsZero() {
			return Input{}, fmt.Errorf("no digest")
		}
	}
	return Input{Kind: TreeInput, Digest: given}, nil
}

// lockedGit returns what the lock says of a git source: ErrLock where it does
// not know it at this ref.
func (r *Recipe) lockedGit(name string, g Git) (Locked, error) {
	l, err := r.Lock.source(name)
	switch {
	case err != nil:
		return Locked{}, err
	case l.Ref != g.Ref:
		return Locked{}, fmt.Errorf("%w: it says ref %s, the recipe %s", ErrLock, l.Ref, g.Ref)
	case IsCommit(g.Ref) && l.Commit != g.Ref:
		return Locked{}, fmt.Errorf("%w: it says commit %s, the recipe %s", ErrLock, l.Commit, g.Ref)
	}
	return l, nil
}

// lockedDsc is lockedGit for a Debian source package and its version.
func (r *Recipe) lockedDsc(name string, d Dsc) (Locked, error) {
	l, err := r.Lock.source(name)
	switch {
	case err != nil:
		return Locked{}, err
	case withoutEpoch(l.Version) != d.version():
		return Locked{}, fmt.Errorf("%w: it says %s, the recipe %s", ErrLock, l.Version, d.version())
	}
	return l, nil
}

// source returns what the lock says of a source, ErrLock where that is nothing.
func (l *Lock) source(name string) (Locked, error) {
	if l == nil {
		return Locked{}, fmt.Errorf("%w: there is none", ErrLock)
	}
	s, ok := l.Sources[name]
	if !ok {
		return Locked{}, fmt.Errorf("%w: not in it", ErrLock)
	}
	return s, nil
}

// LockedSource returns what the lock says of a source that is locked. ErrLock:
// it does not know it, or at another version.
func (r *Recipe) LockedSource(name string) (l Locked, err error) {
	switch s := r.Sources[name].(type) {
	case Git:
		l, err = r.lockedGit(name, s)
	case Dsc:
		l, err = r.lockedDsc(name, s)
	default:
		err = fmt.Errorf("not locked")
	}
	if err != nil {
		return l, fmt.Errorf("recipe %s: source %s: %w", r.Name, name, err)
	}
	return l, nil
}

// Pinned returns what the lock says of the git sources that it fits, by name.
func (r *Recipe) Pinned() map[string]Locked {
	all := map[string]Locked{}
	for name, s := range r.Sources {
		if g, ok := s.(Git); ok {
			if l, err := r.lockedGit(name, g); err == nil {
				all[name] = l
			}
		}
	}
	return all
}
