package deb

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// MediaType is the registered type of a .deb (IANA media types).
const MediaType = "application/vnd.debian.binary-package"

// controlLimits bounds control.tar, which is held in memory: the largest one in
// Debian 12, that of a package with a long md5sums, has some 10 MB.
var controlLimits = tree.Limits{Entries: 1000, Bytes: 64 << 20, Depth: 2}

// Deb is one opened .deb. It may be used by several goroutines at once as far as its reader may.
type Deb struct {
	// Limits bounds data.tar for all that reads it; the zero value means tree's defaults.
	Limits tree.Limits

	control Paragraph
	members map[string]controlMember
	data    member
}

type controlMember struct {
	mode uint32
	data []byte
}

// Open reads the outer archive and control.tar of the .deb that r holds in
// size bytes: format 2.x, members debian-binary, control.tar, data.tar in this
// order, plain or compressed with gzip, xz or zstd. Members before data.tar that
// begin with _ and all after it are ignored, as deb(5) says. The control file is
// one paragraph with a valid Package, Version and Architecture. r must stay
// open as long as the Deb is used; data.tar is read only on demand.
func Open(r io.ReaderAt, size int64) (*Deb, error) {
	d := new(Deb)
	if err := d.open(r, size); err != nil {
		return nil, fmt.Errorf("deb: %w", err)
	}
	return d, nil
}

func (d *Deb) open(r io.ReaderAt, size int64) error {
	all, err := arMembers(r, size)
	if err != nil {
		return err
	}
	want := []string{"debian-binary", "control.tar", "data.tar"}
	var found []member
	for _, m := range all {
		if len(found) == len(want) {
			break
		}
		if len(found) > 0 && strings.HasPrefix(m.name, "_") {
			continue
		}
		next := want[len(found)]
		suffix, ok := strings.CutPrefix(m.name, next)
		if !ok || len(found) == 0 && suffix != "" {
			return fmt.Errorf("member %q where %s belongs", m.name, next)
		}
		if !slices.Contains(suffixes, suffix) {
			return fmt.Errorf("member %s: compression %s is not supported", m.name, suffix)
		}
		found = append(found, m)
	}
	if len(found) < len(want) {
		return fmt.Errorf("no member %s", want[len(found)])
	}
	if err := checkFormat(found[0]); err != nil {
		return err
	}
	d.data = found[2]
	return d.readControl(found[1])
}

// checkFormat reads debian-binary: the format's version, and perhaps more lines.
func checkFormat(m member) error {
	var b [16]byte
	n, err := m.data.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	line, _, ok := strings.Cut(string(b[:n]), "\n")
	if minor, two := strings.CutPrefix(line, "2."); !ok || !two || !only(minor, digits) {
		return fmt.Errorf("format %q: want 2.0", short(line))
	}
	return nil
}

func (d *Deb) readControl(m member) error {
	s, err := decompress(m, "control.tar", controlLimits.Stream())
	if err != nil {
		return err
	}
	defer s.Close()
	d.members = make(map[string]controlMember)
	r := tree.NewReader(s, controlLimits)
	for {
		e, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if e.Path == "." {
			continue
		}
		if e.Kind != tree.File || !only(e.Path, lowerDigits+upper+".+-_") || e.Path[0] == '.' {
			return fmt.Errorf("%s: unexpected %s %q", m.name, e.Kind, short(e.Path))
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		d.members[e.Path] = controlMember{mode: e.Mode & 0o777, data: b}
	}
	c, ok := d.members["control"]
	if !ok {
		return fmt.Errorf("%s: no control file", m.name)
	}
	delete(d.members, "control")
	pars, err := ParseControl(strings.NewReader(string(c.data)))
	if err != nil {
		return err
	}
	if len(pars) != 1 {
		return fmt.Errorf("control: %d paragraphs, want 1", len(pars))
	}
	d.control = pars[0]
	return errors.Join(
		CheckPackage(d.control.Get("Package")),
		CheckVersion(d.control.Get("Version")),
		CheckArch(d.control.Get("Architecture")),
	)
}

// Control returns the control file. Package, Version and Architecture are there
// and safe as parts of file names (a version may hold a colon).
func (d *Deb) Control() Paragraph { return slices.Clone(d.control) }

// Scripts returns the other members of control.tar by name: maintainer scripts, conffiles, md5sums,
// triggers, shlibs and whatever else stands there. The bytes must not be changed.
func (d *Deb) Scripts() map[string][]byte {
	out := make(map[string][]byte, len(d.members))
	for name, m := range d.members {
		out[name] = m.data
	}
	return out
}

// DataTar returns the uncompressed data.tar as a stream, as tree.Unpack takes
// it. A stream longer than Limits.Stream ends with ErrLimit.
func (d *Deb) DataTar() (io.ReadCloser, error) {
	m := member{name: d.data.name, data: io.NewSectionReader(d.data.data, 0, d.data.data.Size())}
	s, err := decompress(m, "data.tar", d.Limits.Stream())
	if err != nil {
		return nil, fmt.Errorf("deb: %w", err)
	}
	return s, nil
}

// Data returns data.tar as the standard library reads it, for callers that need
// the raw headers. Its names are not checked: whoever writes files takes DataTar and tree.Unpack.
func (d *Deb) Data() (*tar.Reader, io.Closer, error) {
	s, err := d.DataTar()
	if err != nil {
		return nil, nil, err
	}
	return tar.NewReader(s), s, nil
}

// Contents lists what the package installs, in the archive's order, with the
// digests of files; "." is among them where the archive has it, as always. What
// tree.Reader refuses is refused.
func (d *Deb) Contents() ([]tree.Entry, error) {
	var all []tree.Entry
	err := d.scan(func(e tree.Entry, _ *tar.Header) { all = append(all, e) })
	return all, err
}

// scan reads all of data.tar.
func (d *Deb) scan(each func(tree.Entry, *tar.Header)) error {
	s, err := d.DataTar()
	if err != nil {
		return err
	}
	defer s.Close()
	r := tree.NewReader(s, d.Limits)
	buf := make([]byte, 64<<10)
	for {
		e, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("deb: %s: %w", d.control.Get("Package"), err)
		}
		if e.Kind == tree.File {
			h := digest.NewHasher()
			if _, err := io.CopyBuffer(h, r, buf); err != nil {
				return fmt.Errorf("deb: %s: %w", d.control.Get("Package"), err)
			}
			e.Digest = h.Digest()
		}
		each(e, r.Header())
	}
}

// memberNames returns the names of control members, sorted.
func (d *Deb) memberNames() []string { return slices.Sorted(maps.Keys(d.members)) }
