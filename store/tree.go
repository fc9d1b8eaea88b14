package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// Tree is an unpacked layer, for reading only. Dir holds its files with
// setuid and setgid bits masked and one owner; Ledger is the truth.
type Tree struct {
	Dir    string
	Ledger tree.Ledger
}

func (s *Store) treePath(d digest.Digest) string   { return s.path(treesDir, d.Hex()) }
func (s *Store) ledgerPath(d digest.Digest) string { return s.treePath(d) + ".ledger" }

// Tree finds the unpacked layer of a diff ID, the digest of the uncompressed
// tar. It compares kind, size, mode and time of each path with the ledger. A
// tree that differs goes to quarantine/ and is ErrNotFound from then on.
// Within a session a tree that was found stays.
func (s *Store) Tree(diffID digest.Digest) (*Tree, error) { return s.findTree(diffID, tree.Check) }

// VerifyTree is Tree with the whole tree read: also the bytes of files, the
// targets of links, and what is there too much.
func (s *Store) VerifyTree(ctx context.Context, diffID digest.Digest) (*Tree, error) {
	return s.findTree(diffID, inFull(ctx))
}

// treeCheck compares a directory with its ledger; *tree.DamageError: it differs.
type treeCheck func(dir string, l tree.Ledger) error

func inFull(ctx context.Context) treeCheck {
	return func(dir string, l tree.Ledger) error { return tree.CheckFull(ctx, dir, l) }
}

func (s *Store) findTree(diffID digest.Digest, check treeCheck) (*Tree, error) {
	release, err := s.holdBlob(diffID)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", diffID, err)
	}
	defer release()
	t, err := s.openTree(diffID, check)
	if errors.Is(err, ErrCorrupt) {
		t, err = s.retireTree(diffID, check)
	}
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", diffID, err)
	}
	return t, nil
}

// openTree returns ErrNotFound or, when the tree differs from its ledger, ErrCorrupt.
func (s *Store) openTree(diffID digest.Digest, check treeCheck) (*Tree, error) {
	t := &Tree{Dir: s.treePath(diffID)}
	if _, err := os.Lstat(t.Dir); errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotFound
	}
	var err error
	if t.Ledger, err = s.readLedger(diffID); err != nil {
		return nil, err
	}
	err = check(t.Dir, t.Ledger)
	var damage *tree.DamageError
	if errors.As(err, &damage) || isUnreadable(err) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (s *Store) readLedger(diffID digest.Digest) (tree.Ledger, error) {
	b, err := os.ReadFile(s.ledgerPath(diffID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no ledger", ErrCorrupt)
	}
	if isUnreadable(err) {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, bare(err))
	}
	if err != nil {
		return nil, bare(err)
	}
	text, err := unseal(b)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	l, err := tree.ReadLedger(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%w: ledger: %w", ErrCorrupt, err)
	}
	return l, nil
}

// lockTree excludes others who publish or retire the tree.
func (s *Store) lockTree(diffID digest.Digest) (flock, error) {
	return waitFlock(context.Background(), s.path(locksDir, "tree-"+diffID.Hex()), unix.LOCK_EX)
}

// retireTree looks again, since another may have put a good tree there, and
// moves a damaged one away.
func (s *Store) retireTree(diffID digest.Digest, check treeCheck) (*Tree, error) {
	lock, err := s.lockTree(diffID)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	t, err := s.openTree(diffID, check)
	if !errors.Is(err, ErrCorrupt) {
		return t, err
	}
	if merr := s.quarantineTree(diffID); merr != nil {
		return nil, errors.Join(err, merr)
	}
	return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
}

// quarantineTree moves the tree first: a ledger alone is no tree.
func (s *Store) quarantineTree(diffID digest.Digest) error {
	to := s.path(quarantineDir, "tree-"+diffID.Hex()+"-"+randomName())
	if err := moveDir(s.treePath(diffID), to); err != nil {
		return err
	}
	return ignoreNotExist(moveDir(s.ledgerPath(diffID), to+".ledger"))
}

// TreeWriter is an unpacked layer in the making.
type TreeWriter struct {
	Dir string // private and empty at first, on the store's file system

	s    *Store
	temp tempDir
	done bool
}

// NewTree begins an unpacked layer, and the session. ErrNoSpace: below the
// floor of 64 MiB nothing begins.
func (s *Store) NewTree() (*TreeWriter, error) {
	temp, err := s.newDir("tree", true)
	if err != nil {
		return nil, fmt.Errorf("new tree: %w", err)
	}
	// One level deeper, so that the tree may have any mode itself.
	dir := temp.path + "/tree"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("new tree: %w", spaceError(s.dir, errors.Join(err, temp.remove())))
	}
	return &TreeWriter{Dir: dir, s: s, temp: temp}, nil
}

// Commit publishes the tree under its diff ID, synced; Tree then finds it. The
// tree must agree with the ledger. When there is a good one already, this one
// is dropped.
func (w *TreeWriter) Commit(diffID digest.Digest, l tree.Ledger) error {
	if w.done {
		return fmt.Errorf("tree %s: %w", diffID, os.ErrClosed)
	}
	if err := w.commit(diffID, l); err != nil {
		return fmt.Errorf("tree %s: %w", diffID, spaceError(w.s.dir, err))
	}
	return w.Close()
}

func (w *TreeWriter) commit(diffID digest.Digest, l tree.Ledger) error {
	if err := tree.Check(w.Dir, l); err != nil {
		return err
	}
	var text bytes.Buffer
	if _, err := l.WriteTo(&text); err != nil {
		return err
	}
	// One sync for the whole file system: one for each file takes seconds.
	if err := unix.Syncfs(int(w.temp.lock.f.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: w.Dir, Err: err}
	}
	gate, err := w.s.addGate()
	if err != nil {
		return err
	}
	defer gate.release()
	if err := w.s.pin(diffID); err != nil {
		return err
	}
	lock, err := w.s.lockTree(diffID)
	if err != nil {
		return err
	}
	defer lock.release()
	// In full: this tree is known to be good, and must not give way to a bad one.
	switch _, err := w.s.openTree(diffID, inFull(context.Background())); {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt):
		if err := w.s.quarantineTree(diffID); err != nil {
			return err
		}
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if err := w.s.writeFile(treesDir+"/"+diffID.Hex()+".ledger", seal(text.Bytes()), 0o444); err != nil {
		return err
	}
	if err := moveDir(w.Dir, w.s.treePath(diffID)); err != nil {
		return err
	}
	return syncDir(w.s.path(treesDir))
}

// Close drops the tree unless it was committed; it may be called again.
func (w *TreeWriter) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	return w.temp.remove()
}
