package realize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
)

// Look is a recipe's main source, unpacked, for who makes its lock.
type Look struct {
	Files fs.FS

	site *site
}

// Look unpacks the main source of a recipe, fetched where need be. locked is what
// is known of a Git; else it counts for nothing. The caller closes it.
func (r *Realizer) Look(ctx context.Context, rec *recipe.Recipe, f recipe.Format, locked recipe.Locked) (_ *Look, err error) {
	b := rec.Build(f)
	d := &recipe.Derivation{
		Name: rec.Name, Format: f, Arch: r.Arch, Stamp: recipe.Stamp{Epoch: max(1, locked.Epoch)},
		Sources: map[string]recipe.Input{recipe.Main: {Kind: recipe.GitInput, Commit: locked.Commit, Digest: locked.Tree}},
		Debug:   b.Debug, Env: b.Env, Home: b.Home, Files: b.Files,
	}
	if f == recipe.FormatRPM {
		d.Defines = rec.RPM.Defines
	}
	n := &Node{Format: f, Recipe: rec, Derivation: d}
	s := &site{Realizer: r, node: n, tail: event.NewTail(nil)}
	look := &Look{site: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, look.Close())
		}
	}()
	if src, ok := rec.Sources[recipe.Main].(recipe.Path); ok {
		folder, err := r.Recipes.SourceFolder(rec, recipe.Main, src)
		if err != nil {
			return nil, err
		}
		if n.main, err = b.Edited(folder); err != nil {
			return nil, err
		}
	}
	main, err := r.obtain(ctx, n, recipe.Main)
	if err != nil {
		return nil, err
	}
	s.sources = map[string]source{recipe.Main: main}
	if s.scratch, err = r.Store.Scratch("look-" + rec.Name); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(s.scratch.Dir, "log")); err != nil {
		return nil, err
	}
	s.opened = append(s.opened, s.log)
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if s.main == nil {
		if err := look.unpackDsc(ctx); err != nil {
			return nil, err
		}
	}
	look.Files = s.main
	if f == recipe.FormatRPM {
		n.spec, err = r.Recipes.Spec(rec)
	} else if n.debian, err = r.Recipes.Debian(rec); n.debian != nil {
		err = rec.CheckDebian(n.debian)
	}
	return look, err
}

// AtHand reports whether Look would fetch nothing of note.
func (r *Realizer) AtHand(rec *recipe.Recipe, locked recipe.Locked) bool {
	switch src := rec.Sources[recipe.Main].(type) {
	case recipe.Git:
		_, err := r.Store.Source(locked.Tree)
		return err == nil
	case recipe.Dsc:
		_, ok := r.Store.HasBlob(src.SHA256)
		return ok
	}
	return true
}

// unpackDsc lets the builder unpack a Debian source package.
func (l *Look) unpackDsc(ctx context.Context) error {
	if err := l.enterBuilder(ctx); err != nil {
		return err
	}
	root, err := l.site.unpackDsc(ctx)
	if err != nil {
		return err
	}
	l.site.opened = append(l.site.opened, root)
	l.site.main, err = l.site.node.build().Edited(root.FS())
	return err
}

func (l *Look) enterBuilder(ctx context.Context) (err error) {
	l.site.image, err = l.site.Images.Ensure(ctx, l.site.node.build().Builder)
	return err
}

// Close removes what was unpacked.
func (l *Look) Close() error { return l.site.close() }

// Asked returns what the build asks for, as the lock keeps it.
func (l *Look) Asked() (*recipe.Asked, error) { return l.site.Asked(l.site.node, l.site.main) }

// Stamp returns version and date of the newest entry of debian/changelog.
func (l *Look) Stamp() (recipe.Stamp, error) {
	folder, err := l.debian()
	if err != nil {
		return recipe.Stamp{}, err
	}
	return stamp(folder)
}

// Version returns the version of debian/changelog in a commit, with the recipe's edits;
// empty where debian/ is the recipe's own.
func (l *Look) Version() (string, error) {
	if l.site.node.debian != nil {
		return "", nil
	}
	s, err := l.Stamp()
	return s.Version, err
}

func (l *Look) debian() (fs.FS, error) {
	if n := l.site.node; n.debian != nil {
		return n.debian, nil
	}
	return l.site.node.Recipe.DebianIn(l.site.main)
}

// Control returns debian/control.
func (l *Look) Control() ([]byte, error) {
	folder, err := l.debian()
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(folder, "control")
}

// Spec returns the spec's text.
func (l *Look) Spec() ([]byte, error) {
	if n := l.site.node; n.spec != nil {
		return n.spec, nil
	}
	return l.site.node.Recipe.SpecIn(l.site.main)
}

// BuildRequires asks the builder's rpmspec what the spec requires for a build,
// one a line as rpm prints them, sorted: with macros expanded and conditions
// judged as a build would.
func (l *Look) BuildRequires(ctx context.Context) ([]string, error) {
	text, err := l.Spec()
	if err != nil {
		return nil, err
	}
	if err := l.enterBuilder(ctx); err != nil {
		return nil, err
	}
	s := l.site
	s.work = filepath.Join(s.scratch.Dir, "build")
	for _, dir := range []string{s.work, filepath.Join(s.work, "SPECS")} {
		if err := makeDir(dir); err != nil {
			return nil, err
		}
	}
	if err := s.makeHome(); err != nil {
		return nil, err
	}
	spec := path.Join("SPECS", path.Base(s.node.Recipe.RPM.Spec))
	if err := s.putFile(spec, text); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = s.runInto(ctx, &out, sandbox.Spec{
		Binds: []sandbox.Bind{{Host: s.work, Inside: buildInside}},
		Dir:   buildInside,
		Argv:  slices.Concat([]string{"rpmspec", "--query", "--buildrequires"}, s.defines(), []string{spec}),
	})
	var failed *BuildError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("%w: %s", err, strings.Join(failed.Log.Lines, "; "))
	}
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSpace(line); line != "" {
			all[line] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}
