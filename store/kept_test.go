package store

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

var (
	keepStore   = flag.Bool("keep-store", false, "put a store of today's layout into testdata, in place of an earlier one of that layout")
	keepAnswers = flag.Bool("keep-answers", false, "write down what the stores in testdata answer")
)

// keptStore names the archive of a store of this layout, and with ".want" what it answers.
func keptStore(layout int) string { return fmt.Sprintf("testdata/store-%d.tar.gz", layout) }

// TestKeptStores opens stores as earlier versions of pbuild have left them: they have
// the answers that they had, with their database and without.
func TestKeptStores(t *testing.T) {
	if *keepStore {
		s := newStore(t)
		fillKept(t, s)
		must(0, os.WriteFile(keptStore(layoutVersion), packStore(t, s.Dir()), 0o644))
	}
	for layout := 1; layout <= layoutVersion; layout++ {
		for _, db := range []string{"kept", "lost", "rebuilt"} {
			t.Run(fmt.Sprintf("layout %d, database %s", layout, db), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "store")
				unpackStore(t, must(os.ReadFile(keptStore(layout))), dir)
				s := openStore(t, dir)
				if db != "kept" {
					must(0, os.RemoveAll(s.path(dbDir)))
				}
				if db == "rebuilt" {
					must(0, s.Rebuild(t.Context()))
				}
				before := must(s.dbID())
				got := answers(t, s)
				if db == "kept" && *keepAnswers {
					must(0, os.WriteFile(keptStore(layout)+".want", []byte(got), 0o644))
				}
				if diff := cmp.Diff(string(must(os.ReadFile(keptStore(layout)+".want"))), got); diff != "" {
					t.Error(diff)
				}
				if db != "lost" && !os.SameFile(before, must(s.dbID())) {
					t.Error("the database was made anew")
				}
				// It is a store to work with.
				realize(t, s, "new", "a")
				must(s.GC(t.Context(), Policy{}, false))
				wantClean(t, s)
			})
		}
	}
}

// fillKept puts into a store one of each kind.
func fillKept(t *testing.T, s *Store) {
	t.Helper()
	s.now = func() time.Time { return testTime }
	base, extra := putImage(t, s, "base"), putImage(t, s, "extra")
	must(0, s.SetRoot("debian-12-base", base.desc))
	must(0, s.SetRootWhileNeeded("debian-12-extra", extra.desc))
	must(0, s.SetRootWhileNeeded("needed-by-nobody", putImage(t, s, "idle").desc))
	realize(t, s, "hello", "superseded")
	r := must(put(s, "hello", "newest"))
	r.Builder = extra.config
	r.Inputs = []digest.Digest{must(s.PutBytes([]byte("an input"))), must(s.PutBytes([]byte("another")))}
	r.Files[0].Output = must(s.PutBytes([]byte("what it installs\n")))
	must(s.Record(r, "hello-deb"))
	must(0, s.PutSource(digest.Of([]byte("a tree")), must(s.PutBytes([]byte("packed")))))
	must(s.PutBytes([]byte("garbage")))
	must(0, s.KeepFailedLog(planned("failed", "a"), strings.NewReader("it failed\n")))
	must(0, os.Chtimes(s.failedLog(planned("failed", "a")), testTime, testTime))
	must(0, s.Close())
}

// answers returns what a store says to all questions.
func answers(t *testing.T, s *Store) string {
	t.Helper()
	s.now = func() time.Time { return testTime.AddDate(1, 0, 0) }
	var b strings.Builder
	for _, r := range must(s.Realizations()) {
		found := must(s.Lookup(r.Key))
		if diff := cmp.Diff(&r, found); diff != "" {
			t.Error(diff)
		}
		fmt.Fprintf(&b, "realization %s\n", must(json.Marshal(found)))
		for _, d := range s.named(found) {
			fmt.Fprintf(&b, "blob %s %q\n", d, must(s.ReadBlob(d, 1<<20)))
		}
	}
	roots := must(s.Roots())
	names := make([]string, 0, len(roots))
	for name := range roots {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "root %s %s\n", name, must(json.Marshal(roots[name])))
	}
	fmt.Fprintf(&b, "source %s\n", must(s.Source(digest.Of([]byte("a tree")))))
	for _, salt := range []string{"base", "extra"} {
		tree := must(s.VerifyTree(t.Context(), digest.Of(testLayer(salt))))
		fmt.Fprintf(&b, "tree %s\n", salt)
		must(tree.Ledger.WriteTo(&b))
	}
	log := must(s.FailedLog(planned("failed", "a")))
	defer log.Close()
	fmt.Fprintf(&b, "failed %q\n", must(io.ReadAll(log)))
	report := must(s.Verify(t.Context()))
	fmt.Fprintf(&b, "verify %d blobs, %d realizations, %d trees, %d roots, problems %v\n",
		report.Blobs, report.Realizations, report.Trees, report.Roots, report.Problems)
	for _, i := range must(s.GC(t.Context(), Policy{}, true)).Items {
		fmt.Fprintf(&b, "gc %s %s %d\n", i.Kind, i.Name, i.Size)
	}
	return b.String()
}

// packStore makes an archive of a store, but for its reserve: names, modes and times
// as they are, hard links as such.
func packStore(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	seen := map[uint64]string{}
	must(0, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := must(filepath.Rel(dir, path))
		if err != nil || name == "." || name == reserveFile {
			return err
		}
		info := must(d.Info())
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			target = must(os.Readlink(path))
		}
		h := must(tar.FileInfoHeader(info, target))
		h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.Format, h.AccessTime, h.ChangeTime = name, 0, 0, "", "", tar.FormatPAX, time.Time{}, time.Time{}
		if !strings.HasPrefix(name, treesDir) && !strings.HasPrefix(name, failedDir) {
			h.ModTime = testTime
		}
		st := info.Sys().(*syscall.Stat_t)
		if first, ok := seen[st.Ino]; ok && !d.IsDir() {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		}
		seen[st.Ino] = name
		must(0, w.WriteHeader(h))
		if h.Typeflag == tar.TypeReg {
			must(w.Write(must(os.ReadFile(path))))
		}
		return nil
	}))
	must(0, errors.Join(w.Close(), z.Close()))
	return b.Bytes()
}

// unpackStore is the reverse.
func unpackStore(t *testing.T, archive []byte, dir string) {
	t.Helper()
	r := tar.NewReader(must(gzip.NewReader(bytes.NewReader(archive))))
	must(0, os.MkdirAll(dir, 0o700))
	var dirs []*tar.Header
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		must(0, err)
		path := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			must(0, os.Mkdir(path, 0o700))
			dirs = append(dirs, h)
			continue
		case tar.TypeLink:
			must(0, os.Link(filepath.Join(dir, h.Linkname), path))
			continue
		case tar.TypeSymlink:
			must(0, os.Symlink(h.Linkname, path))
		default:
			must(0, os.WriteFile(path, must(io.ReadAll(r)), 0o600))
			must(0, os.Chmod(path, h.FileInfo().Mode()))
		}
		at := []unix.Timespec{unix.NsecToTimespec(h.ModTime.UnixNano()), unix.NsecToTimespec(h.ModTime.UnixNano())}
		must(0, unix.UtimesNanoAt(unix.AT_FDCWD, path, at, unix.AT_SYMLINK_NOFOLLOW))
	}
	slices.Reverse(dirs)
	for _, h := range dirs {
		path := filepath.Join(dir, h.Name)
		must(0, errors.Join(os.Chmod(path, h.FileInfo().Mode().Perm()), os.Chtimes(path, h.ModTime, h.ModTime)))
	}
}
