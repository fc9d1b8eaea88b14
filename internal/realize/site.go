package realize

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
)

// site is where one build is done, while it is.
type site struct {
	*Realizer
	node    *Node
	sources map[string]source // by name, of those that are no folders
	main    fs.FS             // the main source's files; nil for a Debian source package, which dpkg-source unpacks
	others  map[string]fs.FS  // likewise of others, as they are wanted
	image   *builder.Image
	scratch *store.Scratch
	over    []string // on the host: layers over the image with what the node needs, bottom first
	work    string   // on the host: what is /build inside
	log     *os.File
	tail    *event.Tail
	runs    int
	last    sandbox.Spec // of the program that ran last
	opened  []io.Closer
}

// newSite fetches the node's source, makes its image ready, and a place to work
// in. The caller closes it.
func (r *Realizer) newSite(ctx context.Context, n *Node) (_ *site, err error) {
	s := &site{Realizer: r, node: n}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	// A failed fetch must not cost the time of making an image.
	if s.sources, err = r.obtainAll(ctx, n); err != nil {
		return nil, err
	}
	if s.scratch, err = r.Store.Scratch("build-" + n.Recipe.Name); err != nil {
		return nil, err
	}
	if err := s.unpack(ctx); err != nil {
		return nil, err
	}
	if s.image, err = r.image(ctx, n); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(s.scratch.Dir, "log")); err != nil {
		return nil, err
	}
	s.opened = append(s.opened, s.log)
	s.tail = event.NewTail(func(line string) {
		r.emit(event.Event{Node: n.event(), State: event.Building, Step: line})
	})
	s.work = filepath.Join(s.scratch.Dir, "build")
	if err := os.Mkdir(s.work, 0o700); err != nil {
		return nil, err
	}
	return s, nil
}

// close removes what was not kept.
func (s *site) close() error {
	var errs []error
	for _, o := range s.opened {
		errs = append(errs, o.Close())
	}
	if s.scratch != nil {
		errs = append(errs, s.scratch.Close())
	}
	return errors.Join(errs...)
}

// image returns the image that the node is built in: its builder, with what the
// lock adds.
func (r *Realizer) image(ctx context.Context, n *Node) (*builder.Image, error) {
	name := n.build().Builder
	r.emit(event.Event{Node: n.event(), State: event.Waiting, Step: "for " + name})
	image, err := r.Images.Ensure(ctx, name)
	if err != nil {
		return nil, err
	}
	packages, err := r.Recipes.ExtraPackages(n.Recipe, n.Format)
	if err != nil || len(packages) == 0 {
		return image, err
	}
	r.emit(event.Event{Node: n.event(), State: event.Waiting, Step: "for " + n.Recipe.Name + "-" + string(n.Format.Section())})
	return r.Images.Extend(ctx, image, n.Recipe.Name+"-"+string(n.Format.Section()), packages, n.Derivation.Packages.Date)
}

// layOut puts into s.work what the program that builds the packages wants there,
// and returns that program.
func (s *site) layOut(ctx context.Context) (sandbox.Spec, error) {
	if err := s.install(ctx); err != nil {
		return sandbox.Spec{}, err
	}
	if s.node.Format.Section() == recipe.FormatRPM {
		return s.layOutRPM(ctx)
	}
	return s.layOutDeb(ctx)
}

// room gives a program a room of its own. Every program has an overlay of its own:
// what one changes outside /build is not there for the next, which gets only what
// it is given.
func (s *site) room(spec sandbox.Spec) (sandbox.Spec, error) {
	if spec.Scratch != "" {
		return spec, nil // it has one
	}
	s.runs++
	spec.Scratch = filepath.Join(s.scratch.Dir, "root"+strconv.Itoa(s.runs))
	if err := os.Mkdir(spec.Scratch, 0o700); err != nil {
		return spec, err
	}
	if err := s.place(spec.Scratch); err != nil {
		return spec, err
	}
	spec.Lower, spec.Env, spec.Limits = s.lower(), s.node.environment(), s.limits(s.node)
	return spec, nil
}

// limits returns what a program of a node's build may take.
func (r *Realizer) limits(n *Node) sandbox.Limits {
	return builder.SandboxLimits(r.Limits.Of(n.Recipe.Limits))
}

// lower are the layers that the programs of the build see.
func (s *site) lower() []string {
	return append(slices.Clip(s.image.Lower()), s.over...)
}
