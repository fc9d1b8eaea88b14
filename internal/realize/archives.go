package realize

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/sandbox"
)

// makeSources makes the files that the spec names, and holds the spec's version against
// the tag that was locked.
func (s *site) makeSources(ctx context.Context, spec string) error {
	if s.node.Recipe.RPM.Source0 != nil || s.node.stampedTag() != "" {
		version, sources, err := s.querySpec(ctx, spec)
		if err != nil {
			return err
		}
		if err := s.node.checkTag(version); err != nil {
			return err
		}
		if s.node.Recipe.RPM.Source0 != nil {
			if err := s.makeTarball(ctx, version, sources); err != nil {
				return err
			}
		}
	}
	return s.makeArchives(ctx)
}

// makeTarball makes Source0 of the main source.
func (s *site) makeTarball(ctx context.Context, version string, sources []string) error {
	source0 := s.node.Recipe.RPM.Source0
	folder := source0.Name + "-" + version
	file := folder + ".tar.gz"
	if !slices.Contains(sources, file) {
		return &SpecError{Spec: s.node.Recipe.RPM.Spec, Want: file, Sources: sources}
	}
	if _, ok := s.node.Derivation.Archives[file]; ok {
		return fmt.Errorf("sources: %s: is the file that source0 makes", file)
	}
	in := filepath.Join(s.scratch.Dir, "tarball")
	if err := makeDir(in); err != nil {
		return err
	}
	dir, from := filepath.Join(in, folder), folder
	if err := makeDir(dir); err != nil {
		return err
	}
	epoch := time.Unix(s.node.Derivation.Stamp.Epoch, 0)
	if err := tree.Materialize(s.main, dir, epoch); err != nil {
		return err
	}
	if err := setModes(dir, s.node.Derivation.Modes, epoch); err != nil {
		return err
	}
	if !source0.Prefixed {
		in, from = dir, "."
	}
	return s.tar(ctx, in, from, file)
}

// makeArchives makes the other files that the spec names, of other sources.
func (s *site) makeArchives(ctx context.Context) error {
	archives := s.node.Derivation.Archives
	for _, file := range slices.Sorted(maps.Keys(archives)) {
		if err := s.makeArchive(ctx, file, archives[file]); err != nil {
			return fmt.Errorf("sources: %s: %w", file, err)
		}
	}
	return nil
}

func (s *site) makeArchive(ctx context.Context, file, source string) error {
	dir := filepath.Join(s.scratch.Dir, "archive-"+file)
	if err := makeDir(dir); err != nil {
		return err
	}
	epoch := time.Unix(s.node.Derivation.Stamp.Epoch, 0)
	for _, name := range s.node.Recipe.Parts(source) {
		to := dir
		if _, part, packed := strings.Cut(name, "/"); packed {
			to = filepath.Join(dir, part)
			if err := makeDir(to); err != nil {
				return err
			}
		}
		files, err := s.files(ctx, name)
		if err != nil {
			return err
		}
		if err := tree.Materialize(files, to, epoch); err != nil {
			return err
		}
	}
	if err := os.Chtimes(dir, epoch, epoch); err != nil {
		return err
	}
	return s.tar(ctx, dir, ".", file)
}

// tarballInside is where the files lie of which a tarball is made.
const tarballInside = "/run/source"

// tar makes SOURCES/FILE of what lies in a directory, with the builder's own tar and
// gzip, whose bytes are pinned with it.
func (s *site) tar(ctx context.Context, in, from, file string) error {
	return s.run(ctx, sandbox.Spec{
		Binds: []sandbox.Bind{
			{Host: in, Inside: tarballInside},
			{Host: s.work, Inside: buildInside, Writable: true},
		},
		Dir:  buildInside,
		Argv: append(tarArgv("SOURCES/"+file), "--directory="+tarballInside, "--", from),
	})
}

// tarArgv begins a command that makes file, the same whenever it is made.
func tarArgv(file string) []string {
	return []string{
		"tar", "--create", "--format=gnu", "--sort=name", "--owner=0", "--group=0", "--numeric-owner",
		"--use-compress-program=gzip --no-name", "--file=" + file,
	}
}
