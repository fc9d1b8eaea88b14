package realize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/event"
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// buildInside is where a build's files lie in the sandbox; the path is part of
// what the sandbox's ABI number stands for, since compilers write it into files.
const buildInside = "/build"

// build makes the node's packages and records them.
func (r *Realizer) build(ctx context.Context, n *Node) (_ *store.Realization, err error) {
	s, err := r.newSite(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	real, err := s.finish(ctx)
	if err != nil {
		if ctx.Err() == nil {
			err = s.keepFailed(err)
		}
		return nil, err
	}
	return real, r.Store.ForgetFailed(n.Key)
}

// finish runs the build and records what came of it.
func (s *site) finish(ctx context.Context) (*store.Realization, error) {
	begun := time.Now()
	s.emit(event.Event{Node: s.node.event(), State: event.Building}) // a large source takes its time
	if _, ok := s.node.Recipe.Sources[recipe.Main].(recipe.Dsc); ok && s.node.Format == recipe.FormatDsc && s.main == nil {
		return s.handOver(begun)
	}
	program, err := s.layOut(ctx)
	if err == nil {
		err = s.run(ctx, program)
	}
	if err != nil {
		return nil, err
	}
	log, err := s.putLog()
	if err != nil {
		return nil, err
	}
	return s.collect(s.image.Digest, log, begun)
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
	if errors.As(err, new(*sandbox.ExitError)) || errors.As(err, new(*sandbox.LimitError)) {
		log := s.tail.Last(spec.Argv)
		failed := &BuildError{Step: s.step(spec.Argv[0], log.Lines), Err: err, Log: log, Recipe: s.node.Recipe.File, Allowed: s.Limits}
		fmt.Fprintf(s.log, "pbuild: %v\n", failed) // a full disk shows when the log is kept
		return failed
	}
	return err
}

// start runs one program in a room of its own.
func (s *site) start(ctx context.Context, spec sandbox.Spec) error {
	spec, err := s.room(spec)
	if err != nil {
		return err
	}
	if s.last.Argv == nil && s.Limits != (limits.Policy{}) {
		if _, err := fmt.Fprintf(s.log, "pbuild: limits: %s\n", spec.Limits); err != nil {
			return err
		}
	}
	s.last = spec
	spec.Copying = func(why error) {
		// A full disk shows when the log is kept.
		fmt.Fprintf(s.log, "pbuild: the image is copied for this, its hard links as files: no overlay in the store's file system: %v\n", why)
		s.emit(event.Event{Node: s.node.event(), State: event.Building, Step: "copying the image: no overlay in the store's file system"})
	}
	return sandbox.Run(ctx, spec)
}

// step says what of the program failed.
func (s *site) step(program string, lines []string) string {
	if s.node.Format.Section() == recipe.FormatRPM {
		if part := specPart(lines); part != "" {
			return part
		}
	}
	return program
}

// environment is what the build's programs see. The recipe's own variables
// can't be one of these, but for DEB_BUILD_OPTIONS.
func (n *Node) environment() []string {
	d := n.Derivation
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + buildInside + "/home",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(d.Stamp.Epoch, 10),
	}
	own := maps.Clone(d.Env)
	if n.Format.Section() == recipe.FormatRPM {
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
