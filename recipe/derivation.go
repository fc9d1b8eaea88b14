package recipe

import (
	"maps"
	"slices"
	"strconv"

	"github.com/fuel-infra/pbuild/store/digest"
)

// DerivationFormat is the number in a derivation's first line. Raise it with
// any change of the text of an unchanged recipe.
const DerivationFormat = 1

// Derivation is a recipe closed for one format and one architecture. Close
// makes it.
type Derivation struct {
	Name    string
	Format  Format
	Arch    Arch
	Stamp   Stamp
	Sandbox int           // ABI number of the sandbox
	Builder digest.Digest // OCI config digest
	Sources map[string]Input
	Debian  DebianInput
	Outputs []string
	Debug   bool
	Env     map[string]string
	Modes   map[string]string
}

// InputKind says what an Input's digest covers.
type InputKind string

// The kinds of inputs.
const (
	TreeInput InputKind = "tree" // a source tree: paths, kinds, executable bits, bytes, link targets
	DscInput  InputKind = "dsc"  // the bytes of a .dsc, which names its other files by sha256
)

// Input is a source as the key sees it: what it is, not where it came from.
type Input struct {
	Kind   InputKind
	Digest digest.Digest
}

// DebianInput is debian/ as the key sees it: a folder of the main source, or
// the digest of one that is not in it.
type DebianInput struct {
	InSource string        // e.g. debian; empty when Digest counts
	Digest   digest.Digest // of the folder's tree
}

// Fields returns what the text says, in its order: fixed names first to last,
// maps sorted by key, lists as written.
func (d *Derivation) Fields() []Field {
	f := []Field{
		{"name", []string{d.Name}},
		{"format", []string{string(d.Format)}},
		{"arch", []string{string(d.Arch)}},
		{"version", []string{d.Stamp.Version}},
		{"epoch", []string{strconv.FormatInt(d.Stamp.Epoch, 10)}},
		{"sandbox", []string{strconv.Itoa(d.Sandbox)}},
		{"builder", []string{d.Builder.String()}},
	}
	for _, name := range slices.Sorted(maps.Keys(d.Sources)) {
		in := d.Sources[name]
		f = append(f, Field{"source", []string{name, string(in.Kind), in.Digest.String()}})
	}
	if d.Debian.InSource != "" {
		f = append(f, Field{"debian", []string{"source", d.Debian.InSource}})
	} else {
		f = append(f, Field{"debian", []string{"tree", d.Debian.Digest.String()}})
	}
	for _, name := range d.Outputs {
		f = append(f, Field{"output", []string{name}})
	}
	debug := "drop"
	if d.Debug {
		debug = "keep"
	}
	f = append(f, Field{"debug", []string{debug}})
	for _, name := range slices.Sorted(maps.Keys(d.Env)) {
		f = append(f, Field{"env", []string{name, d.Env[name]}})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Modes)) {
		f = append(f, Field{"mode", []string{name, d.Modes[name]}})
	}
	return f
}

// Text returns the canonical text: the line «pbuild derivation 1», then one
// line a field, NAME "VALUE"…, in the form that ParseDerivation reads.
func (d *Derivation) Text() []byte { return printFields(d.Fields()) }

// Key returns the hash of the text.
func (d *Derivation) Key() digest.Key { return digest.KeyOf(d.Text()) }
