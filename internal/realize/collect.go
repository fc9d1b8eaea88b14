package realize

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// collect takes the packages out of the build's reach, checks that they are what
// the recipe declares, and records them with the blobs that they were built from.
func (s *site) collect(inputs []digest.Digest, image, log digest.Digest, begun time.Time) (*store.Realization, error) {
	files, err := s.takePackages()
	if err != nil {
		return nil, err
	}
	if err := s.checkOutputs(files); err != nil {
		return nil, err
	}
	if err := s.require(s.node, files); err != nil {
		return nil, err
	}
	manifest, err := s.putArtifact(files)
	if err != nil {
		return nil, err
	}
	if _, err := s.Store.PutBytes(s.node.Text); err != nil {
		return nil, err
	}
	n := s.node
	return s.Store.Record(store.Realization{
		Key: n.Key, Recipe: n.Recipe.Name, Format: string(n.Format), Arch: string(n.Derivation.Arch),
		Version: n.Derivation.Stamp.Version, Builder: image, Manifest: manifest,
		Output: outputDigest(files), Log: log, Files: files, Inputs: inputs,
		Finished: time.Now(), Seconds: time.Since(begun).Seconds(),
	}, n.root())
}

// takePackages copies each .deb beside the source into the store, and reads the
// copy. Nothing of the build runs any more; it may have left anything there.
func (s *site) takePackages() ([]store.File, error) {
	entries, err := os.ReadDir(s.work)
	if err != nil {
		return nil, err
	}
	var files []store.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".deb") && !strings.HasSuffix(e.Name(), ".udeb") {
			continue
		}
		f, err := s.takePackage(e.Name())
		if err != nil {
			return nil, &BadOutputError{Name: e.Name(), Err: err}
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b store.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

var errNotRegular = errors.New("is no regular file")

func (s *site) takePackage(name string) (store.File, error) {
	// Not through os.Root, which follows links that stay inside.
	in, err := os.OpenFile(filepath.Join(s.work, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	var at *fs.PathError
	switch {
	case errors.Is(err, unix.ELOOP):
		return store.File{}, errors.New("is a symlink")
	case errors.As(err, &at):
		return store.File{}, at.Err // the caller names the file, and the folder is nobody's
	case err != nil:
		return store.File{}, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return store.File{}, err
	}
	if info.Mode()&fs.ModeType != 0 {
		return store.File{}, errNotRegular
	}
	out, err := s.Store.Create()
	if err != nil {
		return store.File{}, err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return store.File{}, err
	}
	d, size, err := out.Commit(nil)
	if err != nil {
		return store.File{}, err
	}
	return s.describe(d, size)
}

// describe reads a stored package.
func (s *site) describe(d digest.Digest, size int64) (store.File, error) {
	blob, err := os.Open(s.Store.BlobPath(d))
	if err != nil {
		return store.File{}, err
	}
	defer blob.Close()
	p, err := deb.Open(blob, size)
	if err != nil {
		return store.File{}, err
	}
	text, err := p.OutputText()
	if err != nil {
		return store.File{}, err
	}
	output, err := s.Store.PutBytes(text)
	if err != nil {
		return store.File{}, err
	}
	c := p.Control()
	f := store.File{
		Digest: d, Size: size, Output: output,
		Package: c.Get("Package"), Version: c.Get("Version"), Arch: c.Get("Architecture"),
	}
	// The name that archives give it (Debian policy 5.6.12, deb(7)), whatever the
	// build called the file.
	f.Name = fmt.Sprintf("%s_%s_%s.deb", f.Package, withoutEpoch(f.Version), f.Arch)
	return f, nil
}

// checkOutputs wants exactly the declared packages; with debug packages kept,
// one for each that is not for every architecture.
func (s *site) checkOutputs(files []store.File) error {
	d := s.node.Derivation
	expected := map[string]bool{}
	for _, name := range d.Outputs {
		expected[name] = true
	}
	if d.Debug {
		for _, f := range files {
			if expected[f.Package] && f.Arch != "all" && !strings.HasSuffix(f.Package, "-dbgsym") {
				expected[f.Package+"-dbgsym"] = true
			}
		}
	}
	var e OutputsError
	for _, f := range files {
		if !expected[f.Package] {
			e.Extra = append(e.Extra, f.Package)
		}
		delete(expected, f.Package)
	}
	for name := range expected {
		e.Missing = append(e.Missing, name)
	}
	if len(e.Missing)+len(e.Extra) == 0 {
		return nil
	}
	slices.Sort(e.Missing)
	return &e
}

// outputDigest is the output digest of a realization: over the names and output
// digests of its packages, sorted.
func outputDigest(files []store.File) digest.Digest {
	var lines []string
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%s %s\n", f.Package, f.Output))
	}
	slices.Sort(lines)
	return digest.Of([]byte("pbuild outputs 1\n" + strings.Join(lines, "")))
}

// lacking returns those of the wanted absolute paths that a package's output
// text does not list.
func lacking(text []byte, want []string) []string {
	have := output.Paths(text)
	var lost []string
	for _, p := range want {
		if !have[strings.TrimPrefix(p, "/")] {
			lost = append(lost, p)
		}
	}
	return lost
}
