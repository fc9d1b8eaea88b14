package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/fuel-infra/pbuild/internal/yamldoc"
	"github.com/fuel-infra/pbuild/store/digest"
)

// LockName is the name of a recipe's lock, beside recipe.yaml.
const LockName = "recipe.lock"

// PackagesName returns the name of the list of packages beside a lock, for one
// format.
func PackagesName(f Format) string { return string(f.Section()) + ".packages" }

// ErrLock marks a recipe whose recipe.lock is missing or was made for another
// state of it.
var ErrLock = errors.New("recipe.lock does not fit")

// Stamp is what a source says of itself in its newest changelog entry, and what
// a build stamps.
type Stamp struct {
	Version string // with Debian epoch and revision, e.g. 1:2.0-1; empty for an rpm, whose spec says it
	Epoch   int64  // SOURCE_DATE_EPOCH: seconds since 1970
}

// Lock is recipe.lock: what a machine found out about sources that are not in
// the recipe's folder and about build dependencies, so that a key needs neither
// network nor unpacked sources.
type Lock struct {
	Sources map[string]Locked // by name of the source
	Deb     *BuildLock        // nil: the format's build dependencies were not looked at yet
	RPM     *BuildLock
}

// Locked is what a source was resolved to.
type Locked struct {
	Version string // of debian/changelog in it; empty where it has none
	Epoch   int64  // of a Git the commit's date, of a Dsc the newest changelog entry's

	// Of a Git only.
	Ref    string  // the recipe's when it was resolved
	Kind   RefKind // of Ref
	Commit string  // full id
	Tree   digest.Digest
	Count  int // git rev-list --no-merges --count; of Main only, else zero
}

// RefKind says what a ref is in its repository.
type RefKind string

// The kinds of refs; a full commit id has none, and neither have others of refs/.
const (
	RefBranch RefKind = "branch"
	RefTag    RefKind = "tag"
)

// BuildLock is what a format's build dependencies were resolved to.
type BuildLock struct {
	Asked
	Release  Release       // of the archive; zero without Packages
	Packages digest.Digest // of FORMAT.packages; zero: the builder holds all that is asked for
}

// Build returns the lock of a format, nil where there is none.
func (l *Lock) Build(f Format) *BuildLock {
	switch {
	case l == nil:
		return nil
	case f.Section() == FormatRPM:
		return l.RPM
	}
	return l.Deb
}

// maxEpoch is the end of year 9999.
const maxEpoch = 253402300799

func parseLock(file string, data []byte, r *Recipe) (*Lock, error) {
	doc, err := yamldoc.Parse(file, data)
	if err != nil {
		return nil, err
	}
	f, err := beginning(doc, "format", "sources", "rpm", "deb")
	if err != nil {
		return nil, err
	}
	l := &Lock{Sources: map[string]Locked{}}
	for _, e := range f.Get("sources").Entries() {
		name := e.Key.Text()
		switch r.Sources[name].(type) {
		case Dsc:
			s := e.Value.Fields("version", "epoch")
			l.Sources[name] = Locked{
				Version: yamldoc.As(s.Need("version"), parseVersion),
				Epoch:   s.Need("epoch").Int(1, maxEpoch),
			}
		case Git:
			l.Sources[name] = parseLockedGit(name, e.Value)
		default:
			e.Key.Errorf("the recipe has no such source, or one that is not locked")
		}
	}
	l.RPM, l.Deb = parseBuildLock(f.Get("rpm")), parseBuildLock(f.Get("deb"))
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return l, nil
}

func parseLockedGit(name string, v yamldoc.Value) Locked {
	known := []string{"ref", "kind", "commit", "tree", "epoch"}
	if name == Main {
		known = append(known, "count", "version")
	}
	s := v.Fields(known...)
	l := Locked{
		Ref:     yamldoc.As(s.Need("ref"), parseRef),
		Kind:    RefKind(s.Get("kind").OneOf(string(RefBranch), string(RefTag))),
		Commit:  yamldoc.As(s.Need("commit"), parseCommit),
		Tree:    yamldoc.As(s.Need("tree"), parseDigest),
		Epoch:   s.Need("epoch").Int(1, maxEpoch),
		Version: yamldoc.As(s.Get("version"), parseVersion),
	}
	if name == Main {
		l.Count = int(s.Need("count").Int(1, 1<<31-1))
	}
	return l
}

func parseBuildLock(v yamldoc.Value) *BuildLock {
	if !v.Present() {
		return nil
	}
	f := v.Fields("depends", "extra", "mapped", "release", "packages")
	l := &BuildLock{Asked: Asked{
		Depends: parseTexts(f.Get("depends")), Extra: parseList(f.Get("extra"), parsePackage),
		Mapped: map[string][]string{},
	}}
	for _, e := range f.Get("mapped").Entries() {
		var to []string
		for _, p := range e.Value.List() {
			to = append(to, yamldoc.As(p, parsePackage))
		}
		l.Mapped[yamldoc.As(e.Key, parseDependency)] = to
	}
	if f.Get("packages").Present() {
		l.Packages = yamldoc.As(f.Get("packages"), parseDigest)
		l.Release = parseRelease(f.Need("release"))
	}
	return l
}

// parseTexts reads a list of lines, which may be empty.
func parseTexts(v yamldoc.Value) (all []string) {
	for _, e := range v.List() {
		all = append(all, yamldoc.As(e, parseMacro))
	}
	return all
}

// Text returns recipe.lock; what reads it is Collection.Recipe.
func (l *Lock) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made by pbuild lock; review, don't edit.\nformat: %d\n", FileFormat)
	if len(l.Sources) > 0 {
		b.WriteString("sources:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(l.Sources)) {
		s := l.Sources[name]
		if spelled(name[:1], digits, "") || slices.Contains([]string{"false", "null", "true"}, name) {
			name = strconv.Quote(name) // else YAML reads a number, or no text either
		}
		if s.Commit == "" {
			fmt.Fprintf(&b, "  %s: {version: %q, epoch: %d}\n", name, s.Version, s.Epoch)
			continue
		}
		fmt.Fprintf(&b, "  %s:\n    ref: %q\n", name, s.Ref)
		if s.Kind != "" {
			fmt.Fprintf(&b, "    kind: %s\n", s.Kind)
		}
		fmt.Fprintf(&b, "    commit: %q\n    tree: %s\n    epoch: %d\n", s.Commit, s.Tree, s.Epoch)
		if s.Count > 0 {
			fmt.Fprintf(&b, "    count: %d\n", s.Count)
		}
		if s.Version != "" {
			fmt.Fprintf(&b, "    version: %q\n", s.Version)
		}
	}
	l.RPM.print(&b, FormatRPM)
	l.Deb.print(&b, FormatDeb)
	return b.Bytes()
}

func (l *BuildLock) print(b *bytes.Buffer, f Format) {
	if l == nil {
		return
	}
	list := func(name string, all []string) {
		if len(all) > 0 {
			fmt.Fprintf(b, "  %s:\n", name)
		}
		for _, one := range all {
			fmt.Fprintf(b, "    - %q\n", one)
		}
	}
	if len(l.Depends)+len(l.Extra)+len(l.Mapped) == 0 && l.Packages.IsZero() {
		fmt.Fprintf(b, "%s: {}\n", f)
		return
	}
	fmt.Fprintf(b, "%s:\n", f)
	list("depends", l.Depends)
	list("extra", l.Extra)
	if len(l.Mapped) > 0 {
		b.WriteString("  mapped:\n")
	}
	for _, name := range slices.Sorted(maps.Keys(l.Mapped)) {
		fmt.Fprintf(b, "    %q: [", name)
		for i, p := range l.Mapped[name] {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%q", p)
		}
		b.WriteString("]\n")
	}
	if !l.Packages.IsZero() {
		l.Release.print(b, "  ")
		fmt.Fprintf(b, "  packages: %s\n", l.Packages)
	}
}
