package realize

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/deb"
	"github.com/fuel-infra/pbuild/internal/rpm"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

// collect takes the packages out of the build's reach, checks that they are what
// the recipe declares, and records them with the blobs that they were built from.
func (s *site) collect(image, log digest.Digest, begun time.Time) (*store.Realization, error) {
	if s.node.Format.IsSource() {
		files, err := s.takeSource()
		if err != nil {
			return nil, err
		}
		return s.record(files, image, log, begun)
	}
	files, err := s.takePackages()
	if err != nil {
		return nil, err
	}
	if err := s.checkOutputs(files); err != nil {
		return nil, err
	}
	if err := s.checkRelease(files); err != nil {
		return nil, err
	}
	if err := s.require(s.node, files); err != nil {
		return nil, err
	}
	return s.record(files, image, log, begun)
}

// record puts what was made into the store, with the blobs that it was made from.
func (s *site) record(files []store.File, image, log digest.Digest, begun time.Time) (*store.Realization, error) {
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
		Version: n.version(files), Inputs: blobs(s.sources), Builder: image, Manifest: manifest,
		Output: outputDigest(files), Log: log, Files: files,
		Finished: time.Now(), Seconds: time.Since(begun).Seconds(),
	}, n.root())
}

// version is that of the source: of an rpm, whose spec says it, the first package's.
func (n *Node) version(files []store.File) string {
	if n.Format.Section() == recipe.FormatRPM {
		return files[0].Version
	}
	return n.Derivation.Stamp.Version
}

// takePackages copies each package that the build left into the store, and reads
// the copy. Nothing of the build runs any more; it may have left anything there.
func (s *site) takePackages() ([]store.File, error) {
	names, err := s.left()
	if err != nil {
		return nil, err
	}
	var files []store.File
	for _, name := range names {
		f, err := s.takePackage(name)
		if err != nil {
			return nil, &BadOutputError{Name: name, Err: err}
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b store.File) int { return strings.Compare(a.Name, b.Name) })
	return files, nil
}

// left returns the packages that the build left, by their paths below s.work:
// .debs beside the source, .rpms in RPMS/ARCH.
func (s *site) left() (names []string, err error) {
	suffixes, dirs := []string{".deb", ".udeb"}, []string{"."}
	if s.node.Format.Section() == recipe.FormatRPM {
		suffixes, dirs = []string{".rpm"}, []string{"RPMS"}
		below, err := s.readDir("RPMS")
		if err != nil {
			return nil, err
		}
		for _, e := range below {
			if e.IsDir() {
				dirs = append(dirs, path.Join("RPMS", e.Name()))
			}
		}
	}
	for _, dir := range dirs {
		entries, err := s.readDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if slices.Contains(suffixes, path.Ext(e.Name())) {
				names = append(names, path.Join(dir, e.Name()))
			}
		}
	}
	return names, nil
}

// readDir lists a directory below s.work. No link on the way is followed.
func (s *site) readDir(name string) ([]fs.DirEntry, error) {
	root, err := os.OpenRoot(s.work)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = errors.New("is no directory")
	}
	var entries []fs.DirEntry
	if err == nil {
		entries, err = fs.ReadDir(root.FS(), name)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if err != nil {
		return nil, &BadOutputError{Name: name, Err: err}
	}
	return entries, nil
}

var errNotRegular = errors.New("is no regular file")

func (s *site) takePackage(name string) (store.File, error) {
	d, size, err := s.take(name)
	if err != nil {
		return store.File{}, err
	}
	return s.describe(d, size)
}

// openLeft opens a file below s.work. Not through os.Root, which follows links
// that stay inside.
func (s *site) openLeft(name string) (*os.File, error) {
	dir, err := os.Open(s.work)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ELOOP) {
		return nil, errors.New("is a symlink")
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// checkWhole refuses a file that is mostly holes: it takes no room in the build, and
// all of its size in the store. Programs that make packages leave none; file systems
// that compress make some of zeros.
func checkWhole(f *os.File, size int64) error {
	most := max(1<<20, size/2)
	for holes, at := int64(0), int64(0); at < size; { // no offset of an empty file can be asked for
		hole, err := f.Seek(at, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if hole >= size {
			break
		}
		at, err = f.Seek(hole, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			at = size // the last one
		} else if err != nil {
			return err
		}
		if holes += at - hole; holes > most {
			return fmt.Errorf("has holes: of %d bytes at least %d are not there", size, holes)
		}
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// describe reads a stored package.
func (s *site) describe(d digest.Digest, size int64) (store.File, error) {
	blob, err := os.Open(s.Store.BlobPath(d))
	if err != nil {
		return store.File{}, err
	}
	defer blob.Close()
	read := readDeb
	if s.node.Format.Section() == recipe.FormatRPM {
		read = readRPM
	}
	f, text, err := read(blob, size)
	if err != nil {
		return store.File{}, err
	}
	f.Digest, f.Size = d, size
	f.Output, err = s.Store.PutBytes(text)
	return f, err
}

// readDeb returns what is known of a .deb, and its output text.
func readDeb(r io.ReaderAt, size int64) (store.File, []byte, error) {
	p, err := deb.Open(r, size)
	if err != nil {
		return store.File{}, nil, err
	}
	text, err := p.OutputText()
	c := p.Control()
	f := store.File{Package: c.Get("Package"), Version: c.Get("Version"), Arch: c.Get("Architecture")}
	// The name that archives give it (Debian policy 5.6.12, deb(7)), whatever the
	// build called the file.
	f.Name = fmt.Sprintf("%s_%s_%s.deb", f.Package, withoutEpoch(f.Version), f.Arch)
	return f, text, err
}

// readRPM is readDeb for an .rpm.
func readRPM(r io.ReaderAt, size int64) (store.File, []byte, error) {
	p, err := rpm.Open(r, size)
	if err != nil {
		return store.File{}, nil, err
	}
	text, err := p.OutputText()
	return store.File{Package: p.Name(), Version: p.EVR(), Arch: p.Arch(), Name: p.FileName()}, text, err
}
