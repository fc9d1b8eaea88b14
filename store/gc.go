package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// Item is one thing that GC removes.
type Item struct {
	Kind string // "blob", "realization", "tree", "temporary", "quarantine", "failed" or "root"
	Name string // a digest, a key, or the name in tmp/, quarantine/, failed/ or roots/
	Size int64  // bytes of its files, as ls counts them
}

// Plan is what GC removes, sorted by kind and name.
type Plan struct {
	Items []Item
	Bytes int64
}

// GC removes what no root needs. Kept are: all that roots name, sources among it,
// but for those of SetRootWhileNeeded; each
// realization whose manifest a root names, with its derivation, log,
// provenance, files and inputs; the image that such a realization was built with;
// the trees of these images; what living sessions have put or found; and what
// is left of builds that failed in the last week.
//
// A dry GC removes nothing and returns the plan that a real one would carry
// out. The plan comes from journal, roots and blobs, never from the database.
// GC works on a full disk. It keeps those who put and record waiting while it
// decides and unlinks, and waits itself for those who do so now, up to half a
// minute; then the error is ErrBusy and says who they are.
func (s *Store) GC(ctx context.Context, dry bool) (Plan, error) {
	plan, err := s.gc(ctx, dry)
	if err != nil {
		return Plan{}, fmt.Errorf("gc: %w", spaceError(s.dir, err))
	}
	return plan, nil
}

func (s *Store) gc(ctx context.Context, dry bool) (Plan, error) {
	if !dry {
		if err := s.freeReserve(); err != nil {
			return Plan{}, err
		}
	}
	plan, err := s.collect(ctx, dry)
	if err != nil || dry {
		return plan, err
	}
	if err := s.sweepTemps(); err != nil {
		return plan, err
	}
	s.makeReserve()
	return plan, nil
}

// collect holds the gate: it decides and, unless dry, unlinks. Trees are only
// moved to tmp/, where the sweep finds them: that is what takes long.
func (s *Store) collect(ctx context.Context, dry bool) (Plan, error) {
	gate, err := s.closeGate(ctx)
	if err != nil {
		return Plan{}, err
	}
	defer gate.release()
	m, err := s.mark(!dry)
	if err != nil {
		return Plan{}, err
	}
	plan, err := s.plan(m)
	if err != nil || dry || len(plan.Items) == 0 {
		return plan, err
	}
	if err := ctx.Err(); err != nil {
		return Plan{}, err
	}
	if err := s.removeEntries(plan); err != nil {
		return plan, err
	}
	if err := s.removeRoots(plan); err != nil {
		return plan, err
	}
	for _, i := range plan.Items {
		if err := s.removeItem(i); err != nil {
			return plan, err
		}
	}
	if err := s.sweepLocks(); err != nil {
		return plan, err
	}
	return plan, s.refillDB()
}

// closeGate takes the gate exclusively.
func (s *Store) closeGate(ctx context.Context) (flock, error) {
	wait, cancel := context.WithTimeout(ctx, s.gcWait)
	defer cancel()
	gate, err := waitFlock(wait, s.path(locksDir, gcGate), unix.LOCK_EX)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return flock{}, fmt.Errorf("%w: waited %s for %s", ErrBusy, s.gcWait.Round(time.Millisecond), holders(s.path(locksDir, gcGate)))
	}
	return gate, err
}

// removeEntries takes garbage out of the journal before its blobs go, and the
// database before the journal, so that a crash leaves no name of what is gone.
func (s *Store) removeEntries(plan Plan) error {
	door, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer door.release()
	if err := s.dropDB(); err != nil {
		return err
	}
	for _, i := range plan.Items {
		if i.Kind != kindRealization {
			continue
		}
		k, err := digest.ParseKey(i.Name)
		if err != nil {
			return err
		}
		if err := ignoreNotExist(os.Remove(s.path(journalPath(k)))); err != nil {
			return err
		}
	}
	return syncDir(s.path(journalDir))
}

// removeRoots takes names away before what they name.
func (s *Store) removeRoots(plan Plan) error {
	lock, err := blockFlock(s.path(locksDir, rootsLock), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer lock.release()
	removed := false
	for _, i := range plan.Items {
		if i.Kind != kindRoot {
			continue
		}
		removed = true
		if err := ignoreNotExist(os.Remove(s.path(rootsDir, i.Name))); err != nil {
			return err
		}
	}
	if !removed {
		return nil
	}
	if err := syncDir(s.path(rootsDir)); err != nil {
		return err
	}
	return s.deriveIndex()
}

func (s *Store) removeItem(i Item) error {
	switch i.Kind {
	case kindBlob:
		d, err := digest.Parse(i.Name)
		if err != nil {
			return err
		}
		return ignoreNotExist(os.Remove(s.BlobPath(d)))
	case kindTree:
		d, err := digest.Parse(i.Name)
		if err != nil {
			return err
		}
		// Unlocked in tmp/, so the sweep takes it, in this process or after a crash.
		if err := ignoreNotExist(moveDir(s.treePath(d), s.path(tmpDir, "gone-"+randomName()))); err != nil {
			return err
		}
		return ignoreNotExist(os.Remove(s.ledgerPath(d)))
	case kindQuarantine:
		return removeAll(s.path(quarantineDir, i.Name))
	case kindFailed:
		return removeAll(s.path(failedDir, i.Name))
	}
	return nil // journal entries and roots went first, temporaries go last
}

// refillDB makes the database that removeEntries dropped, where there is room.
func (s *Store) refillDB() error {
	if errors.Is(s.checkSpace(), ErrNoSpace) {
		return nil // it is made when somebody reads and there is room
	}
	door, err := s.enterDB(unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer door.release()
	return s.rebuildDB()
}
