package realize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/builder"
	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// buildInside is where a build's files lie in the sandbox; the path is part of
// what the sandbox's ABI number stands for, since compilers write it into files.
const buildInside = "/build"

// site is one build while it runs.
type site struct {
	*Realizer
	node    *Node
	source  source
	main    fs.FS // the main source's files; nil for a Debian source package, which dpkg-source unpacks
	scratch *store.Scratch
	work    string // on the host: what is /build inside
	lower   []string
	log     *os.File
	tail    *event.Tail
	runs    int
	opened  []io.Closer
}

func (s *site) close() error {
	var errs []error
	for _, o := range s.opened {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}

// build makes the node's packages and records them.
func (r *Realizer) build(ctx context.Context, n *Node) (_ *store.Realization, err error) {
	s := &site{Realizer: r, node: n}
	defer func() { err = errors.Join(err, s.close()) }()
	// A failed fetch must not cost the time of making an image.
	if s.source, err = r.obtain(ctx, n); err != nil {
		return nil, err
	}
	if s.scratch, err = r.Store.Scratch("build-" + n.Recipe.Name); err != nil {
		return nil, err
	}
	keep := false
	defer func() {
		if !keep {
			err = errors.Join(err, s.scratch.Close())
		}
	}()
	if err := s.unpack(ctx); err != nil {
		return nil, err
	}
	image, err := r.image(ctx, n)
	if err != nil {
		return nil, err
	}
	s.lower = image.Lower()
	begun := time.Now()
	if s.log, err = os.Create(filepath.Join(s.scratch.Dir, "log")); err != nil {
		return nil, err
	}
	defer s.log.Close()
	s.tail = event.NewTail(func(line string) {
		r.emit(event.Event{Node: n.event(), State: event.Building, Step: line})
	})
	s.work = filepath.Join(s.scratch.Dir, "build")
	if err := os.Mkdir(s.work, 0o700); err != nil {
		return nil, err
	}
	real, err := s.finish(ctx, image.Digest, begun)
	if err != nil {
		if ctx.Err() == nil {
			keep = s.keepFailed(&err)
		}
		return nil, err
	}
	return real, r.Store.ForgetFailed(n.Key)
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
	return r.Images.Extend(ctx, image, n.root(), packages, n.Derivation.Packages.Date)
}

// finish runs the build and records what came of it.
func (s *site) finish(ctx context.Context, image digest.Digest, begun time.Time) (*store.Realization, error) {
	makePackages := s.buildDeb
	if s.node.Format == recipe.FormatRPM {
		makePackages = s.buildRPM
	}
	if err := makePackages(ctx); err != nil {
		return nil, err
	}
	log, err := s.putLog()
	if err != nil {
		return nil, err
	}
	return s.collect(image, log, begun)
}

// putLog stores the log.
func (s *site) putLog() (digest.Digest, error) {
	if _, err := s.log.Seek(0, io.SeekStart); err != nil {
		return digest.Digest{}, err
	}
	w, err := s.Store.Create()
	if err != nil {
		return digest.Digest{}, err
	}
	defer w.Close()
	if _, err := io.Copy(w, s.log); err != nil {
		return digest.Digest{}, err
	}
	d, _, err := w.Commit(nil)
	return d, err
}

// keepFailed leaves what people look at after a failed build: the log, and
// the scratch directory where that was asked for.
func (s *site) keepFailed(err *error) (kept bool) {
	_, seekErr := s.log.Seek(0, io.SeekStart)
	*err = errors.Join(*err, seekErr, s.Store.KeepFailedLog(s.node.Key, s.log))
	if !s.KeepFailed {
		return false
	}
	// Overlayfs leaves a directory that not even its owner may enter.
	works, globErr := filepath.Glob(filepath.Join(s.scratch.Dir, "root*", "work"))
	for _, work := range works {
		globErr = errors.Join(globErr, sandbox.RemoveScratch(work))
	}
	dir, keepErr := s.Store.KeepFailedBuild(s.node.Key, s.scratch)
	*err = &KeptError{Err: errors.Join(*err, globErr, keepErr), Dir: dir}
	return keepErr == nil
}

// run runs one program of the build; what it prints goes to the log.
func (s *site) run(ctx context.Context, spec sandbox.Spec) error {
	return s.runInto(ctx, nil, spec)
}

// runInto is run for a program whose answer on standard output goes to answer.
func (s *site) runInto(ctx context.Context, answer io.Writer, spec sandbox.Spec) error {
	out := io.MultiWriter(s.log, s.tail)
	spec.Stdout, spec.Stderr = out, out
	if answer != nil {
		spec.Stdout = answer
	}
	if _, err := fmt.Fprintf(s.log, "pbuild: %s\n", strings.Join(spec.Argv, " ")); err != nil {
		return err
	}
	err := s.start(ctx, spec)
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		log := s.tail.Last(spec.Argv)
		failed := &BuildError{Step: s.step(spec.Argv[0], log.Lines), Err: err, Log: log}
		fmt.Fprintf(s.log, "pbuild: %v\n", failed) // a full disk shows when the log is kept
		return failed
	}
	return err
}

// start runs one program in a room of its own. Every program has an overlay of
// its own: what one changes outside /build is not there for the next, which
// gets only what it is given.
func (s *site) start(ctx context.Context, spec sandbox.Spec) error {
	s.runs++
	spec.Scratch = filepath.Join(s.scratch.Dir, "root"+strconv.Itoa(s.runs))
	if err := os.Mkdir(spec.Scratch, 0o700); err != nil {
		return err
	}
	if err := s.place(spec.Scratch); err != nil {
		return err
	}
	spec.Lower, spec.Env = s.lower, s.environment()
	return sandbox.Run(ctx, spec)
}

// step says what of the program failed.
func (s *site) step(program string, lines []string) string {
	if s.node.Format == recipe.FormatRPM {
		if part := specPart(lines); part != "" {
			return part
		}
	}
	return program
}

// environment is what the build's programs see. The recipe's own variables
// can't be one of these, but for DEB_BUILD_OPTIONS.
func (s *site) environment() []string {
	d := s.node.Derivation
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + buildInside + "/home",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(d.Stamp.Epoch, 10),
	}
	own := maps.Clone(d.Env)
	if s.node.Format == recipe.FormatRPM {
		// A .pyc holds the time of its source, which installing sets anew.
		env = append(env, "PYTHONDONTWRITEBYTECODE=1")
	} else {
		options := own["DEB_BUILD_OPTIONS"]
		if !d.Debug {
			options = strings.TrimSuffix("noautodbgsym "+options, " ")
		}
		delete(own, "DEB_BUILD_OPTIONS")
		env = append(env, "DEB_BUILD_OPTIONS="+options)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		env = append(env, name+"="+own[name])
	}
	return env
}
