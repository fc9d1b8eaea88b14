package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/fuel-infra/pbuild/store/digest"
)

// layoutVersion is raised when files of the store change their place or form.
const layoutVersion = 1

// The names in a store's directory.
const (
	formatFile    = "format" // "pbuild store 1\n"; written last, so that its presence means a whole layout
	indexFile     = v1.ImageIndexFile
	reserveFile   = "reserve"
	blobsDir      = v1.ImageBlobsDir + "/sha256"
	dbDir         = "db"
	journalDir    = "journal"
	rootsDir      = "roots"
	treesDir      = "trees"
	locksDir      = "locks"
	tmpDir        = "tmp"
	quarantineDir = "quarantine"
)

const formatPrefix = "pbuild store "

// ociLayout is the whole content of the file oci-layout (image-spec, image-layout.md).
const ociLayout = `{"imageLayoutVersion":"1.0.0"}`

// Store is an open store. It is safe for concurrent use, by goroutines and by
// processes. It holds no file open until it writes.
type Store struct {
	dir    string
	now    func() time.Time
	gcWait time.Duration // how long GC waits for those who hold the store

	mu      sync.Mutex // guards session
	session *session
}

// Open opens the store in dir and makes it when dir is absent or empty. It
// opens no database and costs a few microseconds for a store that exists.
// ErrFormat: another layout, or a directory with other things in it. ErrOwner:
// the store of another user, root included: files of two owners in one store
// would lock both out.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	s := &Store{dir: abs, now: time.Now, gcWait: 30 * time.Second}
	err = s.checkLayout()
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeLayout(); err == nil {
			err = s.checkLayout()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", abs, spaceError(abs, bare(err)))
	}
	return s, nil
}

// Dir returns the absolute path of the store.
func (s *Store) Dir() string { return s.dir }

// Close ends the session of this Store: what it put or found and nobody
// recorded becomes garbage for GC. Its locks, writers and scratch directories
// are not touched. A Store that is used again begins a new session.
func (s *Store) Close() error { return s.endSession() }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// checkLayout wants the store's owner and layout version to be ours. The error
// is fs.ErrNotExist when there is no store yet.
func (s *Store) checkLayout() error {
	text, err := os.ReadFile(s.path(formatFile))
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(strings.TrimSuffix(string(text), "\n"), formatPrefix)
	n, err := strconv.Atoi(digits)
	switch {
	case !ok || err != nil || n < 1:
		return fmt.Errorf("format file reads %.40q: %w", text, ErrFormat)
	case n > layoutVersion:
		return fmt.Errorf("layout %d, this pbuild knows %d: %w: %w", n, layoutVersion, ErrFormat, ErrNewer)
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != os.Geteuid() {
		return fmt.Errorf("%w: owned by uid %d, this process runs as uid %d", ErrOwner, owner, os.Geteuid())
	}
	return nil
}

// makeLayout may run in several processes at once, and after one of them died
// in the middle: each step accepts that it is done already.
func (s *Store) makeLayout() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !layoutNames[e.Name()] {
			return fmt.Errorf("holds %q: %w", e.Name(), ErrFormat)
		}
	}
	if err := os.Chmod(s.dir, 0o700); err != nil {
		return err
	}
	for _, d := range []string{blobsDir, journalDir, rootsDir, treesDir, locksDir, tmpDir, quarantineDir} {
		if err := os.MkdirAll(s.path(d), 0o700); err != nil {
			return err
		}
	}
	for _, name := range []string{gcGate, dbGate, dbTurn, journalLock, rootsLock} {
		// They exist from the start: GC must not need an inode on a full disk.
		if err := touch(s.path(locksDir, name)); err != nil {
			return err
		}
	}
	if err := s.writeFile(v1.ImageLayoutFile, []byte(ociLayout), 0o644); err != nil {
		return err
	}
	if err := s.rebuildIndex(); err != nil { // there are roots where only the file format was lost
		return err
	}
	s.makeReserve()
	return s.writeFile(formatFile, []byte(formatPrefix+strconv.Itoa(layoutVersion)+"\n"), 0o644)
}

// layoutNames are the names that a half-made store may hold; lost+found is
// that of a fresh ext4.
var layoutNames = map[string]bool{
	v1.ImageLayoutFile: true, indexFile: true, reserveFile: true, v1.ImageBlobsDir: true, dbDir: true,
	journalDir: true, rootsDir: true, treesDir: true, locksDir: true, tmpDir: true, quarantineDir: true,
	formatFile: true, failedDir: true, "lost+found": true,
}

func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// bare takes the path off an error of package os where the message names it
// already.
func bare(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

// BlobPath returns the path of the blob's file, whether it exists or not: for
// reading and for copies and reflinks. A hard link to it, or a write through
// it, would damage the store.
func (s *Store) BlobPath(d digest.Digest) string { return s.path(blobsDir, d.Hex()) }
