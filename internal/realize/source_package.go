package realize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// sourceArch is what source packages have for an architecture: Debian policy 5.6.8.
const sourceArch = "source"

// packDsc makes a Debian source package of the folder below s.work that a build would
// start from, and returns the program that does. Where the format wants an upstream
// tarball (dpkg-source(1)) it is made of that folder without debian/, so that nothing
// differs from it.
func (s *site) packDsc(ctx context.Context, folder string) (program sandbox.Spec, err error) {
	root, err := os.OpenRoot(filepath.Join(s.work, folder))
	if err != nil {
		return program, err
	}
	defer root.Close()
	version := s.node.Derivation.Stamp.Version
	format, err := sourceFormat(root)
	if err != nil {
		return program, err
	}
	binds := []sandbox.Bind{{Host: s.work, Inside: buildInside, Writable: true}}
	if format != "3.0 (native)" && strings.Contains(withoutEpoch(version), "-") {
		changelog, err := root.ReadFile("debian/changelog")
		if err != nil {
			return program, err
		}
		top, err := deb.ParseChangelogTop(bytes.NewReader(changelog))
		if err != nil {
			return program, fmt.Errorf("debian/%w", err)
		}
		file := fmt.Sprintf("%s_%s.orig.tar.gz", top.Source, upstreamVersion(version))
		argv := append(tarArgv(file), "--anchored", "--exclude="+folder+"/debian", "--", folder)
		if err := s.run(ctx, sandbox.Spec{Binds: binds, Dir: buildInside, Argv: argv}); err != nil {
			return program, err
		}
	}
	return sandbox.Spec{Binds: binds, Dir: buildInside, Argv: []string{"dpkg-source", "--build", folder}}, nil
}

// sourceFormat returns what debian/source/format says; without one it is 1.0.
func sourceFormat(root *os.Root) (string, error) {
	text, err := root.ReadFile("debian/source/format")
	if errors.Is(err, os.ErrNotExist) {
		return "1.0", nil
	}
	return strings.TrimSpace(string(text)), err
}

// takeSource copies the source package that the program left into the store.
func (s *site) takeSource() ([]store.File, error) {
	if s.node.Format == recipe.FormatSRPM {
		return s.takeSRPM()
	}
	return s.takeDsc()
}

// leftWith returns the one file in a directory below s.work whose name ends so.
func (s *site) leftWith(dir, ending string) (string, error) {
	entries, err := s.readDir(dir)
	if err != nil {
		return "", err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ending) {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	switch len(names) {
	case 0:
		return "", &OutputsError{Missing: []string{"NAME" + ending}}
	case 1:
		return names[0], nil
	}
	return "", &OutputsError{Extra: names}
}

func (s *site) takeSRPM() ([]store.File, error) {
	name, err := s.leftWith("SRPMS", ".src.rpm")
	if err != nil {
		return nil, err
	}
	d, size, err := s.take(name)
	if err != nil {
		return nil, &BadOutputError{Name: name, Err: err}
	}
	blob, err := os.Open(s.Store.BlobPath(d))
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	p, err := rpm.Open(blob, size)
	if err == nil && !p.IsSource() {
		err = errors.New("is no source package")
	}
	if err != nil {
		return nil, &BadOutputError{Name: name, Err: err}
	}
	return s.describeSource(p.Name(), p.EVR(), []store.File{{Name: p.FileName(), Digest: d, Size: size}})
}

func (s *site) takeDsc() ([]store.File, error) {
	name, err := s.leftWith(".", ".dsc")
	if err != nil {
		return nil, err
	}
	d, size, err := s.take(name)
	if err != nil {
		return nil, &BadOutputError{Name: name, Err: err}
	}
	return s.readDsc(d, size, func(f deb.DscFile) error {
		got, _, err := s.take(f.Name)
		if err == nil && got != f.SHA256 {
			err = fmt.Errorf("is %s, the .dsc says %s", got, f.SHA256)
		}
		if err != nil {
			return &BadOutputError{Name: f.Name, Err: err}
		}
		return nil
	})
}

// readDsc describes a .dsc of the store and the files that it names, which have makes
// sure of.
func (s *site) readDsc(d digest.Digest, size int64, have func(deb.DscFile) error) ([]store.File, error) {
	body, err := s.Store.ReadBlob(d, maxDsc)
	if err != nil {
		return nil, err
	}
	dsc, err := deb.ParseDsc(body)
	if err != nil {
		return nil, &BadOutputError{Name: s.node.Recipe.Name + ".dsc", Err: err}
	}
	// The name that archives give it (dsc(5)).
	files := []store.File{{Name: fmt.Sprintf("%s_%s.dsc", dsc.Source, withoutEpoch(dsc.Version)), Digest: d, Size: size}}
	for _, f := range dsc.Files {
		if strings.HasSuffix(f.Name, ".dsc") {
			return nil, &BadOutputError{Name: f.Name, Err: errors.New("is named by a .dsc and is one")}
		}
		if err := have(f); err != nil {
			return nil, err
		}
		files = append(files, store.File{Name: f.Name, Digest: f.SHA256, Size: f.Size})
	}
	return s.describeSource(dsc.Source, dsc.Version, files)
}

// describeSource completes the files of a source package. Nothing is installed of it:
// what stands for its output is each file as it is.
func (s *site) describeSource(name, version string, files []store.File) ([]store.File, error) {
	for i := range files {
		f := &files[i]
		f.Package, f.Version, f.Arch = name, version, sourceArch
		text := output.AppendLine([]byte(output.Head), "file", f.Digest.Hex(), f.Name)
		var err error
		if f.Output, err = s.Store.PutBytes(text); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// handOver records the source package that the node's main source is, as it was
// fetched.
func (s *site) handOver(begun time.Time) (*store.Realization, error) {
	src := s.node.Recipe.Sources[recipe.Main].(recipe.Dsc)
	if len(s.node.build().Edits) > 0 {
		return nil, errors.New("edits: a Debian source package is handed over as it is: what edits make of it is none")
	}
	size, _ := s.Store.HasBlob(src.SHA256)
	files, err := s.readDsc(src.SHA256, size, func(deb.DscFile) error { return nil }) // obtained already
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(s.log, "pbuild: the source package as it was fetched: %s\n", src.Path)
	log, err := s.putLog()
	if err != nil {
		return nil, err
	}
	return s.record(files, s.image.Digest, log, begun)
}

// take copies a file that the build left into the store.
func (s *site) take(name string) (digest.Digest, int64, error) {
	in, err := s.openLeft(name)
	if err != nil {
		return digest.Digest{}, 0, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return digest.Digest{}, 0, err
	}
	if !info.Mode().IsRegular() {
		return digest.Digest{}, 0, errNotRegular
	}
	if err := checkWhole(in, info.Size()); err != nil {
		return digest.Digest{}, 0, err
	}
	out, err := s.Store.Create()
	if err != nil {
		return digest.Digest{}, 0, err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return digest.Digest{}, 0, err
	}
	return out.Commit(nil)
}
