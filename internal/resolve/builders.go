package resolve

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// BuilderLock is a builder that was locked anew.
type BuilderLock struct {
	Name            string
	Lock            *recipe.BuilderLock // of which NAME.lock is the text
	Packages, Files []byte              // NAME.packages, NAME.files
}

// OlderError says that an archive is in an older state than the one that a
// builder was locked in: a mirror that stands still, or that is made to.
type OlderError struct {
	Builder         string
	Locked, Archive time.Time // dates of Release
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("builder %s: the archive is of %s, older than the lock, of %s",
		e.Builder, e.Archive.Format(time.RFC3339), e.Locked.Format(time.RFC3339))
}

// ErrNoApt is returned where no builder's image can be had to run apt in.
var ErrNoApt = errors.New("no locked builder without a base, whose apt could resolve the first packages")

// LockBuilders resolves builders against what their archives hold now, makes
// their images, and hands each lock that changed to put, bases first. names are
// those of builders, all without names; what stands on one of them comes along,
// since its image is another one then.
//
// A builder whose packages come out as they are locked, over an image that is
// what it was, keeps its lock: a newer date alone would be a new key for all
// that is built there. Errors: *OlderError, *UnmetError, *RefusedError,
// ErrNoApt, those of put, and those of making images; each names the builder.
// What was put before stays valid.
func (r *Resolver) LockBuilders(ctx context.Context, m *builder.Maker, names []string, put func(BuilderLock) error) (err error) {
	chosen, err := choose(m.Recipes, names)
	if err != nil {
		return err
	}
	l := &locking{
		Resolver: r, maker: m, indices: map[string]*Index{}, apts: map[aptKey]*Apt{}, made: map[string]*builder.Image{},
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for _, b := range chosen {
		locked, err := l.lock(ctx, b)
		if err != nil {
			return err
		}
		if locked == nil {
			continue
		}
		if err := put(*locked); err != nil {
			return fmt.Errorf("builder %s: %w", b.Name, err)
		}
	}
	return nil
}

// choose returns the builders of these names and what stands on them, bases
// first.
func choose(c *recipe.Collection, names []string) ([]*recipe.Builder, error) {
	all, err := c.BuilderNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := c.Builder(name); err != nil {
			return nil, err
		}
	}
	type choice struct {
		*recipe.Builder
		height int
	}
	var chosen []choice
	for _, name := range all {
		chain, err := c.Chain(name)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 || slices.ContainsFunc(chain, func(b *recipe.Builder) bool { return slices.Contains(names, b.Name) }) {
			chosen = append(chosen, choice{chain[len(chain)-1], len(chain)})
		}
	}
	slices.SortStableFunc(chosen, func(a, b choice) int { return cmp.Compare(a.height, b.height) })
	out := make([]*recipe.Builder, len(chosen))
	for i, one := range chosen {
		out[i] = one.Builder
	}
	return out, nil
}

// locking is one LockBuilders.
type locking struct {
	*Resolver
	maker   *builder.Maker
	indices map[string]*Index // by suite
	apts    map[aptKey]*Apt
	made    map[string]*builder.Image // builders whose lock changed
}

type aptKey struct {
	suite string
	image digest.Digest
}

func (l *locking) close() (err error) {
	for _, a := range l.apts {
		err = errors.Join(err, a.Close())
	}
	return err
}

// lock returns the builder's new lock, or nil when it keeps the one it has.
func (l *locking) lock(ctx context.Context, b *recipe.Builder) (*BuilderLock, error) {
	base, err := l.image(ctx, b.Base)
	if err != nil {
		return nil, err
	}
	in := base
	if in == nil {
		if in, err = l.bottom(ctx, b); err != nil {
			return nil, err
		}
	}
	a, err := l.apt(ctx, b.Suite, in)
	if err != nil {
		return nil, fmt.Errorf("builder %s: %w", b.Name, err)
	}
	release := a.Index.Release
	if b.Lock != nil && release.Date.Before(b.Lock.Release.Date) {
		return nil, &OlderError{b.Name, b.Lock.Release.Date, release.Date}
	}
	packages, err := a.ask(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("builder %s: %w", b.Name, err)
	}
	var list bytes.Buffer
	if err := recipe.WritePackages(&list, packages); err != nil {
		return nil, err
	}
	if l.made[b.Base] == nil && b.Lock != nil && !b.Lock.Builder.IsZero() && b.Lock.Packages == digest.Of(list.Bytes()) {
		return nil, nil
	}
	image, lock, files, err := l.maker.Lock(ctx, b, release, packages, base)
	if err != nil {
		return nil, err
	}
	l.made[b.Name] = image
	return &BuilderLock{b.Name, lock, list.Bytes(), files}, nil
}

// ask asks for what a builder's definition names.
func (a *Apt) ask(ctx context.Context, b *recipe.Builder) ([]recipe.Package, error) {
	if b.Base == "" {
		return a.Bootstrap(ctx, b.Packages)
	}
	var names deb.Relations
	for _, name := range b.Packages {
		names = append(names, deb.Relation{{Name: name}})
	}
	return a.Install(ctx, names, nil)
}

// image returns the image of a builder as it is by now; nil for no builder.
func (l *locking) image(ctx context.Context, name string) (*builder.Image, error) {
	if image := l.made[name]; image != nil || name == "" {
		return image, nil
	}
	image, _, err := l.maker.EnsureWhole(ctx, name)
	return image, err
}

// bottom returns an image whose apt resolves the packages of a bottom layer: its
// own, as it was locked before, else any other's.
func (l *locking) bottom(ctx context.Context, b *recipe.Builder) (*builder.Image, error) {
	names, err := l.maker.Recipes.BuilderNames()
	if err != nil {
		return nil, err
	}
	for _, name := range append([]string{b.Name}, names...) {
		other, err := l.maker.Recipes.Builder(name)
		if err != nil {
			return nil, err
		}
		if other.Base == "" && other.Lock != nil && !other.Lock.Builder.IsZero() {
			image, _, err := l.maker.EnsureWhole(ctx, name)
			return image, err
		}
	}
	return nil, fmt.Errorf("builder %s: %w", b.Name, ErrNoApt)
}

// apt returns the apt of an image over the suite's index.
func (l *locking) apt(ctx context.Context, suite string, image *builder.Image) (*Apt, error) {
	key := aptKey{suite, image.Digest}
	if a := l.apts[key]; a != nil {
		return a, nil
	}
	index := l.indices[suite]
	if index == nil {
		var err error
		if index, err = l.Index(ctx, suite); err != nil {
			return nil, err
		}
		l.indices[suite] = index
	}
	a, err := l.Apt(ctx, image, index)
	if err != nil {
		return nil, err
	}
	l.apts[key] = a
	return a, nil
}
