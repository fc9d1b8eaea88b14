package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fuel-infra/pbuild/store/digest"
)

// File is one package file of a realization, a layer of its artifact.
type File struct {
	Name    string        `json:"name"` // of the file, such as hello_1.0-1_amd64.deb
	Digest  digest.Digest `json:"digest"`
	Size    int64         `json:"size"`            // bytes
	Output  digest.Digest `json:"output,omitzero"` // blob: the text behind the package's output digest
	Package string        `json:"package"`
	Version string        `json:"version"`
	Arch    string        `json:"arch"`
}

// Realization says what a key stands for.
type Realization struct {
	Key     digest.Key `json:"key"`
	Recipe  string     `json:"recipe"`
	Format  string     `json:"format"` // deb or rpm
	Arch    string     `json:"arch"`
	Version string     `json:"version"`

	Builder    digest.Digest `json:"builder,omitzero"`    // config digest of the image that built it; GC keeps that image
	Manifest   digest.Digest `json:"manifest"`            // blob: the artifact's OCI manifest
	Output     digest.Digest `json:"output,omitzero"`     // output digest; not a blob
	Log        digest.Digest `json:"log,omitzero"`        // blob
	Provenance digest.Digest `json:"provenance,omitzero"` // blob
	Files      []File        `json:"files"`
	// Inputs are blobs that it was built from, sorted. GC keeps them, so that it can
	// be built again when nobody serves them any more; a hit does without.
	Inputs []digest.Digest `json:"inputs,omitempty"`

	Finished time.Time `json:"finished"`
	Seconds  float64   `json:"seconds"` // that the build took
}

// encode returns the canonical text of r, which is the journal's file.
func (r *Realization) encode() ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, err
	}
	return seal(append(text, '\n')), nil
}

// parseRealization reads what encode wrote, and nothing else: other spellings
// of the same JSON are refused with ErrCorrupt.
func parseRealization(file []byte) (*Realization, error) {
	text, err := unseal(file)
	if err != nil {
		return nil, err
	}
	r := new(Realization)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	again, err := r.encode()
	if err != nil || !bytes.Equal(again, file) {
		return nil, fmt.Errorf("%w: not in its canonical form", ErrCorrupt)
	}
	return r, nil
}

// check wants the fields without which nothing can be found or written out.
func (r *Realization) check() error {
	switch {
	case r.Key.IsZero():
		return errors.New("realization without a key")
	case r.Recipe == "" || r.Format == "":
		return errors.New("realization without a recipe or a format")
	case r.Manifest.IsZero():
		return errors.New("realization without a manifest")
	}
	for _, f := range r.Files {
		if f.Name == "" || strings.ContainsAny(f.Name, "/\x00") || strings.HasPrefix(f.Name, ".") {
			return fmt.Errorf("realization with a file named %q", f.Name)
		}
		if f.Digest.IsZero() || f.Size < 0 {
			return fmt.Errorf("realization with a file without bytes: %s", f.Name)
		}
	}
	for i, d := range r.Inputs {
		if d.IsZero() || i > 0 && bytes.Compare(r.Inputs[i-1][:], d[:]) >= 0 {
			return errors.New("realization with inputs that are not sorted digests")
		}
	}
	return nil
}

// blobs returns the digests of the blobs that r names itself and is nothing
// without: the derivation, the manifest, log, provenance and files.
func (r *Realization) blobs() []digest.Digest {
	ds := []digest.Digest{r.Key.Text(), r.Manifest}
	for _, d := range []digest.Digest{r.Log, r.Provenance} {
		if !d.IsZero() {
			ds = append(ds, d)
		}
	}
	for _, f := range r.Files {
		ds = append(ds, f.Digest)
		if !f.Output.IsZero() {
			ds = append(ds, f.Output)
		}
	}
	return ds
}

// kept returns the digests of all blobs that r names itself.
func (r *Realization) kept() []digest.Digest { return append(r.blobs(), r.Inputs...) }
