package recipe

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Builder is a checked builders/NAME.yaml with its lock.
type Builder struct {
	Name     string // e.g. debian-12-deb
	Summary  string
	Suite    string   // codename, e.g. bookworm
	Base     string   // builder below this one; empty for a bottom layer
	Packages []string // asked for, in the order written; the lock holds what they need
	Lock     *BuilderLock

	at yamldoc.Position // of base
}

// BuilderLock is builders/NAME.lock.
type BuilderLock struct {
	Suite    string
	Release  Release
	Builder  digest.Digest // OCI config digest of the image with its bases; zero until it was first made
	Size     int64         // of the builder's own layer, uncompressed, in bytes; zero until then
	Packages digest.Digest // of NAME.packages
	Files    digest.Digest // of NAME.files; zero when there is none
}

// Release is the state of the archive that a builder was locked against.
type Release struct {
	Date      time.Time     // of the Release file, UTC, whole seconds; file times are lowered to it
	InRelease digest.Digest // of dists/SUITE/InRelease, whose signature apt checked and which names the indices
}

func parseBuilder(file, name string, data []byte) (*Builder, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "name", "summary", "suite", "base", "packages")
	if err != nil {
		return nil, err
	}
	b := &Builder{
		Name:     yamldoc.As(f.Need("name"), parseName),
		Summary:  yamldoc.As(f.Need("summary"), parseLine),
		Suite:    yamldoc.As(f.Need("suite"), parseName),
		Base:     yamldoc.As(f.Get("base"), parseName),
		Packages: parseList(f.Need("packages"), parsePackage),
		at:       f.Get("base").Position(),
	}
	if b.Name != "" && b.Name != name {
		f.Get("name").Errorf("%q: the file says %q", b.Name, name)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

func parseBuilderLock(file, suite string, data []byte) (*BuilderLock, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "suite", "release", "builder", "size", "packages", "files")
	if err != nil {
		return nil, err
	}
	if f.Get("builder").Present() {
		f.Need("size")
	}
	l := &BuilderLock{
		Suite:    yamldoc.As(f.Need("suite"), parseName),
		Release:  parseRelease(f.Need("release")),
		Builder:  yamldoc.As(f.Get("builder"), parseDigest),
		Size:     f.Get("size").Int(0, 1<<40),
		Packages: yamldoc.As(f.Need("packages"), parseDigest),
		Files:    yamldoc.As(f.Get("files"), parseDigest),
	}
	if l.Suite != "" && l.Suite != suite {
		f.Get("suite").Errorf("%s: the builder says %s", l.Suite, suite)
	}
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

func parseRelease(v yamldoc.Value) Release {
	f := v.Fields("date", "inrelease")
	return Release{
		Date:      yamldoc.As(f.Need("date"), parseDate),
		InRelease: yamldoc.As(f.Need("inrelease"), parseDigest),
	}
}

// print writes what parseRelease reads, as the field of a mapping.
func (r Release) print(b *bytes.Buffer, indent string) {
	fmt.Fprintf(b, "%srelease:\n%s  date: %q\n%s  inrelease: %s\n", indent, indent,
		r.Date.UTC().Format(time.RFC3339), indent, r.InRelease)
}

// parseDate reads RFC 3339 in UTC with whole seconds, the one form that Text
// writes.
func parseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 1 || t.UTC().Format(time.RFC3339) != s {
		return time.Time{}, fmt.Errorf("date %q: want a form such as 2026-11-01T09:30:00Z", s)
	}
	return t.UTC(), nil
}

// Text returns NAME.lock; what reads it is Collection.Builder.
func (l *BuilderLock) Text() []byte {
	var b bytes.Buffer
	b.WriteString("# Made by pbuild; review, don't edit.\n")
	fmt.Fprintf(&b, "format: %d\nsuite: %q\n", FileFormat, l.Suite)
	l.Release.print(&b, "")
	if !l.Builder.IsZero() {
		fmt.Fprintf(&b, "builder: %s\nsize: %d\n", l.Builder, l.Size)
	}
	fmt.Fprintf(&b, "packages: %s\n", l.Packages)
	if !l.Files.IsZero() {
		fmt.Fprintf(&b, "files: %s\n", l.Files)
	}
	return b.Bytes()
}
