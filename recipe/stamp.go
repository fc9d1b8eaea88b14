package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/store/digest"
)

// stamp returns what a build of the main source stamps, checked.
func (r *Recipe) stamp(f Format, in Inputs) (Stamp, error) {
	_, replaced := in.Trees[Main]
	switch s := r.Sources[Main].(type) {
	case Dsc:
		if replaced {
			break
		}
		l, err := r.lockedDsc(Main, s)
		if err != nil {
			return Stamp{}, fmt.Errorf("source %s: %w", Main, err)
		}
		locked := Stamp{l.Version, l.Epoch}
		if in.Changelog != (Stamp{}) && in.Changelog != locked {
			return Stamp{}, fmt.Errorf("source %s: %w: it says %s at %d, the changelog %s at %d", Main, ErrLock,
				locked.Version, locked.Epoch, in.Changelog.Version, in.Changelog.Epoch)
		}
		return locked, nil
	case Git:
		l, err := r.lockedGit(Main, s)
		if err != nil && !replaced {
			return Stamp{}, fmt.Errorf("source %s: %w", Main, err)
		}
		if replaced && (err != nil || in.Trees[Main] != l.Tree) {
			break
		}
		return r.gitStamp(f, l, in)
	}
	return in.Changelog, checkStamp(f, in.Changelog)
}

// gitStamp takes the commit's date, and the version from debian/changelog: of
// the recipe's folder where debian/ lies there, else of the source.
func (r *Recipe) gitStamp(f Format, l Locked, in Inputs) (Stamp, error) {
	s := Stamp{Epoch: l.Epoch}
	switch {
	case f.Section() == FormatRPM:
		return s, nil // the spec says the version
	case !in.Debian.IsZero():
		s.Version = in.Changelog.Version
	case l.Version == "":
		return Stamp{}, fmt.Errorf("source %s: %w: it says no version of debian/changelog", Main, ErrLock)
	case in.Changelog.Version != "" && in.Changelog.Version != l.Version:
		return Stamp{}, fmt.Errorf("source %s: %w: it says %s, the changelog %s", Main, ErrLock, l.Version, in.Changelog.Version)
	default:
		s.Version = l.Version
	}
	return s, checkStamp(f, s)
}

// checkStamp refuses what no package can carry.
func checkStamp(f Format, s Stamp) error {
	file := "debian/changelog"
	if f.Section() == FormatRPM {
		file = "%changelog"
	} else if _, err := parseVersion(s.Version); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if s.Epoch < 1 || s.Epoch > maxEpoch {
		return fmt.Errorf("%s: date %d: before 1970 or after 9999", file, s.Epoch)
	}
	return nil
}

// restamp gives a derivation the version that the recipe's scheme makes of its
// source.
func (r *Recipe) restamp(d *Derivation, in Inputs) error {
	templates := r.Scheme.templates(d.Format)
	if len(templates) == 0 {
		return nil
	}
	origin, main, pinned := d.origin(in), d.Sources[Main], in.Pinned[Main]
	v := Variables{Pinned: pinned, Tree: d.trees()}
	if main.Kind == GitInput {
		v.Commit, v.Epoch = main.Commit, d.Stamp.Epoch
	}
	wrong := func(err error) error { return r.version.Errorf("version: scheme %s: %s: %w", r.scheme, d.Format, err) }
	t, ok := templates[origin]
	if !ok {
		return wrong(fmt.Errorf("says nothing of a source that is %s", origin))
	}
	epoch, own := "", d.Stamp.Version
	if before, after, ok := strings.Cut(own, ":"); ok {
		epoch, own = before+":", after
	}
	if i := strings.LastIndexByte(own, '-'); i >= 0 {
		own = own[:i]
	}
	v.Own = own
	version, release, err := t.Expand(v)
	if err != nil {
		return wrong(err)
	}
	if d.Format.Section() == FormatRPM {
		d.Stamp.Version, d.Release = version, release
		return nil
	}
	if origin == Merged && pinned.Kind == RefTag && Contradicts(pinned.Ref, own) {
		return &TagError{Tag: pinned.Ref, Own: own, File: "debian/changelog"}
	}
	d.Own, d.Stamp.Version = d.Stamp.Version, epoch+version+"-"+release
	if _, err := parseVersion(d.Stamp.Version); err != nil {
		return wrong(err)
	}
	return nil
}

// origin says what the sources are to the recipe's own.
func (d *Derivation) origin(in Inputs) Origin {
	other := false
	for name, s := range d.Sources {
		if slices.Contains(in.Given, name) && (s.Kind != GitInput || s.Commit != in.Pinned[name].Commit) {
			if name != Main || s.Kind != GitInput {
				return Folder // no commit of the main source says what was built
			}
			other = true
		}
	}
	switch {
	case other:
		return Unmerged
	case d.Sources[Main].Kind != GitInput:
		return Folder
	}
	return Merged
}

// trees is one digest for all sources: of a single one its own.
func (d *Derivation) trees() digest.Digest {
	if len(d.Sources) == 1 {
		return d.Sources[Main].Digest
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(d.Sources)) {
		fmt.Fprintf(&b, "%s %s\n", name, d.Sources[name].Digest)
	}
	return digest.Of([]byte(b.String()))
}
