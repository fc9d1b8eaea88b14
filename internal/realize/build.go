package realize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
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
	scratch *store.Scratch
	work    string // on the host: what is /build inside
	lower   []string
	log     *os.File
	tail    *event.Tail
	runs    int
}

// build makes the node's packages and records them.
func (r *Realizer) build(ctx context.Context, n *Node) (_ *store.Realization, err error) {
	// A failed fetch must not cost the time of making an image.
	files, err := r.fetchSources(ctx, n)
	if err != nil {
		return nil, err
	}
	r.emit(event.Event{Node: n.event(), State: event.Waiting, Step: "for " + n.Recipe.Deb.Builder})
	image, err := r.Images.Ensure(ctx, n.Recipe.Deb.Builder)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	s := &site{Realizer: r, node: n, lower: image.Lower()}
	if s.scratch, err = r.Store.Scratch("build-" + n.Recipe.Name); err != nil {
		return nil, err
	}
	keep := false
	defer func() {
		if !keep {
			err = errors.Join(err, s.scratch.Close())
		}
	}()
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
	real, err := s.finish(ctx, files, image.Digest, begun)
	if err != nil {
		if ctx.Err() == nil {
			keep = s.keepFailed(&err)
		}
		return nil, err
	}
	return real, r.Store.ForgetFailed(n.Key)
}

// finish runs the build and records what came of it.
func (s *site) finish(ctx context.Context, files map[string]digest.Digest, image digest.Digest, begun time.Time) (*store.Realization, error) {
	if err := s.buildDeb(ctx, files); err != nil {
		return nil, err
	}
	log, err := s.putLog()
	if err != nil {
		return nil, err
	}
	return s.collect(slices.Collect(maps.Values(files)), image, log, begun)
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
	// Every program has an overlay of its own: what one changes outside /build
	// is not there for the next, which gets only what it is given.
	s.runs++
	spec.Scratch = filepath.Join(s.scratch.Dir, "root"+strconv.Itoa(s.runs))
	if err := os.Mkdir(spec.Scratch, 0o700); err != nil {
		return err
	}
	spec.Lower, spec.Env = s.lower, s.environment()
	out := io.MultiWriter(s.log, s.tail)
	spec.Stdout, spec.Stderr = out, out
	if _, err := fmt.Fprintf(s.log, "pbuild: %s\n", strings.Join(spec.Argv, " ")); err != nil {
		return err
	}
	err := sandbox.Run(ctx, spec)
	var exit *sandbox.ExitError
	if errors.As(err, &exit) {
		failed := &BuildError{Step: spec.Argv[0], Err: err, Log: s.tail.Last(spec.Argv)}
		fmt.Fprintf(s.log, "pbuild: %v\n", failed) // a full disk shows when the log is kept
		return failed
	}
	return err
}

// environment is what every build sees, and the recipe's own variables.
func (s *site) environment() []string {
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + buildInside + "/home",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(s.node.Derivation.Stamp.Epoch, 10),
	}
	options := []string{}
	if !s.node.Derivation.Debug {
		options = append(options, "noautodbgsym")
	}
	for name, value := range s.node.Derivation.Env {
		if name == "DEB_BUILD_OPTIONS" {
			options = append(options, value)
			continue
		}
		env = append(env, name+"="+value)
	}
	return append(env, "DEB_BUILD_OPTIONS="+strings.Join(options, " "))
}
