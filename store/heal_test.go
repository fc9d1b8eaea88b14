package store

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestGCHealsFirst: what the database has copies of, gc does not take for garbage, nor
// does it drop the last good copy: a manifest of an image, an entry that is no root's,
// and blobs that nothing reads on the way.
func TestGCHealsFirst(t *testing.T) {
	for name, collect := range map[string]func(s *Store) error{
		"gc": func(s *Store) error {
			_, err := s.GC(t.Context(), Policy{KeepWithin: 30 * day}, false)
			return err
		},
		"rebuild": func(s *Store) error { return s.Rebuild(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			s, r, im := fullStore(t)
			old := realize(t, s, "other", "old")
			realize(t, s, "other", "new")
			must(s.PutBytes([]byte("garbage")))
			must(0, s.Close())
			damaged := []string{
				s.BlobPath(im.manifest), s.BlobPath(im.config), s.path(journalPath(old.Key)), s.path(journalPath(r.Key)),
				s.BlobPath(r.Log), s.BlobPath(old.Log),
			}
			var whole [][]byte
			for _, path := range damaged {
				whole = append(whole, must(os.ReadFile(path)))
				overwrite(path, flipByte(2))
			}
			must(0, os.Remove(s.BlobPath(r.Provenance)))
			must(0, collect(s))
			if s.hasSession() {
				t.Error("it left a session")
			}
			for i, path := range damaged {
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, whole[i]) {
					t.Errorf("%s: %q, %v", path, got, err)
				}
			}
			must(0, s.Close())
			must(s.GC(t.Context(), Policy{}, false)) // takes the quarantine too
			must(s.Tree(im.diff))
			must(s.Lookup(r.Key))
			must(0, s.Close())
			wantClean(t, s)
		})
	}
}

// TestGCRefusesALostManifest: where a root's manifest can't be had, gc would take what
// it names.
func TestGCRefusesALostManifest(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"damaged":     func(path string) error { overwrite(path, flipByte(9)); return nil },
		"lost":        os.Remove,
		"a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			im := putImage(t, s, "a")
			must(0, s.SetRoot("debian-12-base", im.desc))
			must(0, s.Close())
			manifest := must(os.ReadFile(s.BlobPath(im.manifest)))
			must(0, damage(s.BlobPath(im.manifest)))
			must(0, os.RemoveAll(s.path(dbDir))) // and its copy
			for _, dry := range []bool{true, false} {
				_, err := s.GC(t.Context(), Policy{}, dry)
				want := "gc: root debian-12-base: damaged in the store: what blob " + im.manifest.String() + " names is not known"
				if !errors.Is(err, ErrCorrupt) || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			all, report, err := s.Repair(t.Context())
			if err != nil || len(report.Problems) > 0 {
				t.Fatal(all, report, err)
			}
			root := slices.IndexFunc(all, func(one Repaired) bool { return one.Path == "roots/debian-12-base" })
			if root < 0 || all[root].Outcome != Dropped || all[root].Image != "debian-12-base" {
				t.Errorf("%+v", all)
			}
			must(s.PutBytes(manifest))
			must(0, s.SetRoot("debian-12-base", im.desc))
			must(s.Tree(im.diff))
			must(0, s.Close())
			must(s.GC(t.Context(), Policy{}, false))
			wantClean(t, s)
		})
	}
}

// TestGCRefusesADamagedPin: what a running build holds may be an image without a root.
func TestGCRefusesADamagedPin(t *testing.T) {
	s := newStore(t)
	im := putImage(t, s, "a")
	overwrite(s.BlobPath(im.manifest), flipByte(9))
	_, err := s.GC(t.Context(), Policy{}, false)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "of a running build: manifest "+im.manifest.String()) {
		t.Errorf("got %v", err)
	}
	must(0, s.Close())
	must(s.GC(t.Context(), Policy{}, false))
	if names := must(readNames(s.path(blobsDir))); len(names) > 0 {
		t.Errorf("left: %q", names)
	}
	wantClean(t, s)
}
