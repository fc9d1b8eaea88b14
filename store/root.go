package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// nameChars are those of a reference in an OCI image layout (image-spec,
// annotations.md), without what would be a path or an option.
const nameChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"

// checkName is no regular expression: compiling one costs each start of the
// program a millisecond.
func checkName(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsAny(name[:1], "._+-") ||
		strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(nameChars, r) }) {
		return fmt.Errorf("name %q: want a letter or digit and up to 199 of A-Z a-z 0-9 . _ + -", name)
	}
	return nil
}

// SetRoot makes name stand for an image or artifact, which GC then keeps with
// all that it names. Those blobs are in the store already: ErrNotFound says
// which is not. A descriptor of another media type keeps its own blob only.
func (s *Store) SetRoot(name string, desc v1.Descriptor) error {
	if err := s.addRoot(name, desc); err != nil {
		return fmt.Errorf("root %s: %w", name, spaceError(s.dir, err))
	}
	return nil
}

// SetRootWhileNeeded is SetRoot for an image that can be made again by what its
// name stands for: the name keeps nothing. GC drops it when no realization that
// is kept was built with the image, no living session holds it, and its last use
// is too long ago.
func (s *Store) SetRootWhileNeeded(name string, desc v1.Descriptor) error {
	desc.Annotations = maps.Clone(desc.Annotations)
	if desc.Annotations == nil {
		desc.Annotations = map[string]string{}
	}
	desc.Annotations[whileNeeded] = "true"
	return s.SetRoot(name, desc)
}

// whileNeeded marks the descriptors of roots that keep nothing.
const whileNeeded = "io.github.fuel-infra.pbuild.while-needed"

func (s *Store) addRoot(name string, desc v1.Descriptor) error {
	if err := checkName(name); err != nil {
		return err
	}
	if _, err := digest.Parse(string(desc.Digest)); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	if err := s.beginSession(); err != nil {
		return err
	}
	refs, err := s.nameWhole(name, desc)
	if err != nil {
		return err
	}
	err = s.updateDB(func(w *batch) error { return s.putCopies(w, digestsOf(refs), map[digest.Digest]bool{}) })
	if err != nil {
		return s.forgetDB() // the copies are all it lacks; the next reader makes it whole
	}
	return nil
}

// nameWhole sets a root of which all is there, and returns that. It holds the gate, and
// not while the database is waited for.
func (s *Store) nameWhole(name string, desc v1.Descriptor) ([]ref, error) {
	gate, err := s.addGate()
	if err != nil {
		return nil, err
	}
	defer gate.release()
	refs := s.refs(desc)
	for _, r := range refs {
		if r.err != nil {
			return nil, fmt.Errorf("blob %s: %w", r.digest, r.err)
		}
	}
	return refs, s.setRoot(name, desc)
}

// Name makes a root stand for the artifact of a realization that Lookup found, as
// Record does for a new one; a root that does so already is left alone. Without
// it GC could take what was asked for last.
func (s *Store) Name(root string, r *Realization) error {
	if now, err := s.Root(root); err == nil && string(now.Digest) == r.Manifest.String() {
		return nil
	}
	desc, err := s.describe(r.Manifest)
	if err != nil {
		return fmt.Errorf("root %s: %w", root, err)
	}
	return s.SetRoot(root, desc)
}

// setRoot writes root and index. The caller holds addGate.
func (s *Store) setRoot(name string, desc v1.Descriptor) error {
	text, err := encodeRoot(desc)
	if err != nil {
		return err
	}
	lock, err := blockFlock(s.path(locksDir, rootsLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	if err := s.writeFile(rootsDir+"/"+name, text, 0o644); err != nil {
		return err
	}
	return s.deriveIndex()
}

// RemoveRoot drops a root; ErrNotFound: there is none of that name. It works
// on a full disk.
func (s *Store) RemoveRoot(name string) error {
	if err := s.dropRoot(name); err != nil {
		return fmt.Errorf("root %s: %w", name, spaceError(s.dir, err))
	}
	return nil
}

func (s *Store) dropRoot(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := s.freeReserve(); err != nil {
		return err
	}
	gate, err := s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	lock, err := blockFlock(s.path(locksDir, rootsLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	err = os.Remove(s.path(rootsDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return bare(err)
	}
	if err := syncDir(s.path(rootsDir)); err != nil {
		return err
	}
	return s.deriveIndex()
}

// Root returns what a name stands for; ErrNotFound: nothing. ErrCorrupt: the
// root's file is damaged, and setting it again heals it. It counts as a use.
func (s *Store) Root(name string) (v1.Descriptor, error) {
	if err := checkName(name); err != nil {
		return v1.Descriptor{}, err
	}
	desc, err := s.readRoot(name)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("root %s: %w", name, err)
	}
	if isLoose(desc) {
		s.renewUse(s.path(rootsDir, name))
	}
	return desc, nil
}

// Roots returns what all names stand for.
func (s *Store) Roots() (map[string]v1.Descriptor, error) {
	roots, err := s.readRoots()
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	all := make(map[string]v1.Descriptor, len(roots))
	for _, r := range roots {
		if r.err != nil {
			return nil, fmt.Errorf("root %s: %w", r.name, r.err)
		}
		all[r.name] = r.desc
	}
	return all, nil
}

func (s *Store) readRoot(name string) (v1.Descriptor, error) {
	b, err := os.ReadFile(s.path(rootsDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return v1.Descriptor{}, ErrNotFound
	}
	if err != nil {
		return v1.Descriptor{}, bare(err)
	}
	return parseRoot(b)
}

// root is one file of roots/, or what is wrong with it.
type root struct {
	name string
	desc v1.Descriptor
	err  error
	used time.Time // last use, where GC asks
}

// readRoots returns all roots by name.
func (s *Store) readRoots() ([]root, error) {
	names, err := readNames(s.path(rootsDir))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	roots := make([]root, 0, len(names))
	for _, name := range names {
		desc, err := s.readRoot(name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		roots = append(roots, root{name: name, desc: desc, err: err})
	}
	return roots, nil
}

// encodeRoot returns the file of a root: the descriptor's JSON, sealed.
func encodeRoot(desc v1.Descriptor) ([]byte, error) {
	text, err := json.Marshal(desc)
	if err != nil {
		return nil, err
	}
	return seal(append(text, '\n')), nil
}

// parseRoot reads what encodeRoot wrote, and nothing else.
func parseRoot(b []byte) (v1.Descriptor, error) {
	text, err := unseal(b)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var desc v1.Descriptor
	if err := json.Unmarshal(text, &desc); err != nil {
		return v1.Descriptor{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := digest.Parse(string(desc.Digest)); err != nil {
		return v1.Descriptor{}, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	again, err := encodeRoot(desc)
	if err != nil || !bytes.Equal(again, b) {
		return v1.Descriptor{}, fmt.Errorf("%w: not in its canonical form", ErrCorrupt)
	}
	return desc, nil
}
