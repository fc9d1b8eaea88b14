package recipe

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// DerivationFormat is the number in a derivation's first line. Raise it with
// any change of the text of an unchanged recipe.
const DerivationFormat = 1

// Derivation is a recipe closed for one format and one architecture. Close
// makes it.
type Derivation struct {
	Name     string
	Format   Format
	Arch     Arch
	Stamp    Stamp
	Own      string        // of a deb that a scheme stamps: the changelog's own version; else empty
	Release  string        // of an rpm that a scheme stamps; else empty, and the spec says it
	Sandbox  int           // ABI number of the sandbox
	Builder  digest.Digest // OCI config digest
	Packages Extra
	Needs    map[string]Needed // by recipe
	Sources  map[string]Input
	Debian   FileInput         // of a deb
	Spec     FileInput         // of an rpm
	Source0  *Source0          // of an rpm
	Archives map[string]string // of an rpm: file in SOURCES: name of the source, or of the pack, in Sources
	Edits    []Edit
	Outputs  []string
	Debug    bool
	Env      map[string]string
	Modes    map[string]string
	Defines  map[string]string
	Home     map[string]Placed
	Files    map[string]Placed
}

// InputKind says what an Input's digest covers.
type InputKind string

// The kinds of inputs.
const (
	TreeInput InputKind = "tree" // a source tree: paths, kinds, executable bits, bytes, link targets
	GitInput  InputKind = "git"  // the same of a commit, whose id a build may stamp
	DscInput  InputKind = "dsc"  // the bytes of a .dsc, which names its other files by sha256
)

// Input is a source as the key sees it: what it is, not where it came from.
type Input struct {
	Kind   InputKind
	Commit string // of a GitInput
	Digest digest.Digest
}

// FileInput is debian/ or a spec as the key sees it: a path in the main source,
// or the digest of what is not in it.
type FileInput struct {
	InSource string        // e.g. debian; empty when Digest counts
	Digest   digest.Digest // of the folder's tree, of the file's bytes
}

// Extra is what a build has beyond its builder.
type Extra struct {
	Packages digest.Digest       // of the list of packages, in their layer's order; zero: none
	Date     time.Time           // to which the layer's file times are lowered
	Mapped   map[string][]string // build dependencies that stand for others, or for none
}

// Fields returns what the text says, in its order: fixed names first to last,
// maps sorted by key, lists as written.
func (d *Derivation) Fields() []Field {
	f := []Field{
		{"name", []string{d.Name}},
		{"format", []string{string(d.Format)}},
		{"arch", []string{string(d.Arch)}},
	}
	if d.Stamp.Version != "" {
		f = append(f, Field{"version", []string{d.Stamp.Version}})
	}
	if d.Own != "" {
		f = append(f, Field{"own", []string{d.Own}})
	}
	if d.Release != "" {
		f = append(f, Field{"release", []string{d.Release}})
	}
	f = append(f,
		Field{"epoch", []string{strconv.FormatInt(d.Stamp.Epoch, 10)}},
		Field{"sandbox", []string{strconv.Itoa(d.Sandbox)}},
		Field{"builder", []string{d.Builder.String()}},
	)
	if p := d.Packages; !p.Packages.IsZero() {
		f = append(f, Field{"packages", []string{p.Packages.String(), strconv.FormatInt(p.Date.Unix(), 10)}})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Packages.Mapped)) {
		f = append(f, Field{"depend", append([]string{name}, d.Packages.Mapped[name]...)})
	}
	f = append(f, neededFields(d.Needs)...)
	for _, name := range slices.Sorted(maps.Keys(d.Sources)) {
		in := d.Sources[name]
		values := []string{name, string(in.Kind)}
		if in.Kind == GitInput {
			values = append(values, in.Commit)
		}
		f = append(f, Field{"source", append(values, in.Digest.String())})
	}
	if d.Format.Section() == FormatRPM {
		f = append(f, d.Spec.field("spec", "file"))
		if d.Source0 != nil {
			layout := "flat"
			if d.Source0.Prefixed {
				layout = "prefixed"
			}
			f = append(f, Field{"tarball", []string{d.Source0.Name, layout}})
		}
		f = append(f, pairs("archive", d.Archives)...)
	} else {
		f = append(f, d.Debian.field("debian", "tree"))
	}
	for _, e := range d.Edits {
		f = append(f, e.field())
	}
	for _, name := range d.Outputs {
		f = append(f, Field{"output", []string{name}})
	}
	debug := "drop"
	if d.Debug {
		debug = "keep"
	}
	f = append(f, Field{"debug", []string{debug}})
	f = append(f, pairs("env", d.Env)...)
	f = append(f, pairs("mode", d.Modes)...)
	f = append(f, pairs("define", d.Defines)...)
	f = append(f, placedFields("home", d.Home)...)
	return append(f, placedFields("file", d.Files)...)
}

func (i FileInput) field(name, kind string) Field {
	if i.InSource != "" {
		return Field{name, []string{"source", i.InSource}}
	}
	return Field{name, []string{kind, i.Digest.String()}}
}

// pairs returns a field for each entry, sorted by key.
func pairs(name string, m map[string]string) (f []Field) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		f = append(f, Field{name, []string{k, m[k]}})
	}
	return f
}

// placedFields returns a field for each file, by its path.
func placedFields(name string, m map[string]Placed) (f []Field) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		p := m[k]
		if p.Link != "" {
			f = append(f, Field{name, []string{k, "link", p.Link}})
			continue
		}
		f = append(f, Field{name, []string{k, p.Mode, digest.Of([]byte(p.Content)).String()}})
	}
	return f
}

// Text returns the canonical text: the line «pbuild derivation 1», then one
// line a field, NAME "VALUE"…, in the form that ParseDerivation reads.
func (d *Derivation) Text() []byte { return printFields(d.Fields()) }

// Key returns the hash of the text.
func (d *Derivation) Key() digest.Key { return digest.KeyOf(d.Text()) }
