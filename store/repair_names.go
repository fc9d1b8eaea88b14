package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/dgraph-io/badger/v4"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// lostEntries puts back what the database has of the journal and the journal lost,
// where all blobs of it are there. Else the rebuild forgets it.
func (r *repairs) lostEntries() error {
	var lost []entry
	err := r.s.viewDB(r.s.enterDB, func(txn *badger.Txn) error {
		lost = nil
		return eachValue(txn, realizationLetter, func(key, value []byte) error {
			if len(key) != 1+len(digest.Key{}) {
				return nil // Verify names it
			}
			k := digest.Key(key[1:])
			if _, err := os.Lstat(r.s.path(journalPath(k))); !errors.Is(err, os.ErrNotExist) {
				return err
			}
			if real, err := parseEntry(k, value); err == nil {
				lost = append(lost, entry{name: k.Hex(), r: real, file: slices.Clone(value)})
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
		return nil // no database, or one that is made anew
	}
	return r.underLock(journalLock, func() error {
		for _, e := range lost {
			path := journalDir + "/" + e.name
			missing, inputs, err := r.s.lacks(e.r)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if _, err := os.Lstat(r.s.path(path)); err == nil || len(missing)+len(inputs) > 0 {
				continue
			}
			if err := r.s.writeFile(path, e.file, 0o444); err != nil {
				return err
			}
			r.note(path, ErrNotFound.Error(), Repaired{Outcome: Healed, How: "from the database's copy"})
		}
		return nil
	})
}

// underLock calls fn with GC away and one of the locks of names held.
func (r *repairs) underLock(name string, fn func() error) error {
	gate, err := r.s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	lock, err := blockFlock(r.s.path(locksDir, name), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	return fn()
}

// damagedEntries heals entries from the database, or drops them.
func (r *repairs) damagedEntries() error {
	entries, err := r.s.readJournal()
	if err != nil {
		return err
	}
	for _, e := range entries {
		k, err := digest.ParseKey("sha256:" + e.name)
		if err != nil || e.err == nil {
			continue
		}
		path := journalDir + "/" + e.name
		switch _, err := r.s.mendEntry(k); {
		case err == nil:
			r.done[path] = Repaired{Outcome: Healed, How: "from the database's copy"}
		case errors.Is(err, ErrNotFound):
			r.done[path] = Repaired{Outcome: Dropped, How: "built again when it is asked for"}
		default:
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// entries drops realizations that lack a blob. One that only lacks what it was built
// from is a hit still, and stays without that.
func (r *repairs) entries() error {
	return r.underLock(journalLock, func() error {
		entries, err := r.s.readJournal()
		if err != nil {
			return err
		}
		forget := sync.OnceValue(r.s.forgetDB)
		for _, e := range entries {
			if e.err != nil {
				continue // no file of ours
			}
			if err := r.entry(e, forget); err != nil {
				return fmt.Errorf("%s/%s: %w", journalDir, e.name, err)
			}
		}
		return nil
	})
}

// entry calls forget before it changes anything: who is killed then leaves no database
// that knows more than the journal.
func (r *repairs) entry(e entry, forget func() error) error {
	path := journalDir + "/" + e.name
	missing, inputs, err := r.s.lacks(e.r)
	if err != nil || len(missing)+len(inputs) == 0 {
		return err
	}
	if err := forget(); err != nil {
		return err
	}
	to := Repaired{Outcome: Dropped, How: "built again when it is asked for", Recipe: e.r.Recipe, Format: e.r.Format}
	if len(missing) > 0 {
		r.note(path, fmt.Sprintf("blob %s: %v", missing[0], ErrNotFound), to)
		return r.s.quarantineEntry(e.name)
	}
	to.Outcome, to.How = Healed, "what it was built from is fetched again when it is built again"
	r.note(path, fmt.Sprintf("blob %s: %v", inputs[0], ErrNotFound), to)
	return r.withoutInputs(e, inputs)
}

// withoutInputs writes an entry anew, without blobs that it was built from, and with
// its last use.
func (r *repairs) withoutInputs(e entry, lost []digest.Digest) error {
	rest := *e.r
	rest.Inputs = slices.DeleteFunc(slices.Clone(rest.Inputs), func(d digest.Digest) bool { return slices.Contains(lost, d) })
	file, err := rest.encode()
	if err != nil {
		return err
	}
	return r.s.replaceFile(journalDir+"/"+e.name, file, 0o444)
}

// replaceFile is writeFile for a file whose time is a last use, which stays.
func (s *Store) replaceFile(name string, b []byte, mode os.FileMode) error {
	used, err := lastUse(s.path(name))
	if err != nil {
		return err
	}
	if info, err := os.Lstat(s.path(name)); err == nil && info.IsDir() {
		// No file takes the place of a directory.
		if err := moveDir(s.path(name), s.path(quarantineDir, strings.ReplaceAll(name, "/", "-")+"-"+randomName())); err != nil {
			return err
		}
	}
	if err := s.writeFile(name, b, mode); err != nil {
		return err
	}
	return os.Chtimes(s.path(name), used, used)
}

// roots puts damaged roots back from index.json, and drops those that name what is
// lost and is made again.
func (r *repairs) roots() error {
	return r.underLock(rootsLock, func() error {
		roots, err := r.s.readRoots()
		if err != nil {
			return err
		}
		copies := r.s.indexed()
		for _, root := range roots {
			if root.err == nil {
				err = r.root(root)
			} else {
				err = r.damagedRoot(root, copies)
			}
			if err != nil {
				return fmt.Errorf("%s/%s: %w", rootsDir, root.name, err)
			}
		}
		return nil
	})
}

func (r *repairs) damagedRoot(damaged root, copies map[string]v1.Descriptor) error {
	path := rootsDir + "/" + damaged.name
	desc, ok := copies[damaged.name]
	if !ok {
		r.note(path, damaged.err.Error(), Repaired{Outcome: Lost, How: "what it named is not known", Image: damaged.name})
		return nil
	}
	text, err := encodeRoot(desc)
	if err != nil {
		return err
	}
	r.note(path, damaged.err.Error(), Repaired{Outcome: Healed, How: "from " + indexFile})
	if err := r.s.replaceFile(path, text, 0o644); err != nil {
		return err
	}
	return r.root(root{name: damaged.name, desc: desc})
}

// root drops a root that names what is lost, where that is made again.
func (r *repairs) root(one root) error {
	path := rootsDir + "/" + one.name
	for _, ref := range r.s.refs(one.desc) {
		if ref.err == nil || isPassing(ref.err) {
			continue // Verify says so
		}
		to := r.madeAgain(one.name, one.desc)
		r.note(path, fmt.Sprintf("blob %s: %v", ref.digest, ref.err), to)
		if to.Outcome != Dropped {
			return nil
		}
		return os.Rename(r.s.path(path), r.s.path(quarantineDir, "root-"+one.name+"-"+randomName()))
	}
	return nil
}

// madeAgain says what becomes of a root that names what is lost: packages, images
// and sources are made or fetched again by who wants them.
func (r *repairs) madeAgain(name string, desc v1.Descriptor) Repaired {
	switch {
	case desc.MediaType == sourceMediaType:
		return Repaired{Outcome: Dropped, How: "fetched again when it is built from"}
	case desc.Annotations[whileNeeded] != "":
		return Repaired{Outcome: Dropped, How: "made again when a build needs it"}
	case desc.ArtifactType == ArtifactType:
		for _, one := range r.done {
			if one.Recipe != "" && one.Recipe+"-"+one.Format == name {
				return Repaired{Outcome: Dropped, How: "built again when it is asked for", Recipe: one.Recipe, Format: one.Format}
			}
		}
		return Repaired{Outcome: Dropped, How: "built again when it is asked for"}
	case r.s.isImage(desc):
		image, _, _ := strings.Cut(name, "_") // its packages have a root of their own
		return Repaired{Outcome: Dropped, How: "made again when a build needs it", Image: image}
	}
	return Repaired{Outcome: Lost, How: "nothing here makes what it names"}
}

// isImage reports whether a descriptor is of a builder image, or of the packages of
// one: the manifest names an image configuration, or is lost and no artifact of another
// kind.
func (s *Store) isImage(desc v1.Descriptor) bool {
	d, err := digest.Parse(string(desc.Digest))
	if err != nil || desc.MediaType != v1.MediaTypeImageManifest {
		return false
	}
	b, err := s.peekBlob(d, manifestLimit)
	if err != nil {
		return desc.ArtifactType == "" // artifacts of other kinds have a type
	}
	var m v1.Manifest
	return json.Unmarshal(b, &m) == nil && m.Config.MediaType == v1.MediaTypeImageConfig
}
