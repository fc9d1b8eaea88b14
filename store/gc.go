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

// GC removes what nothing needs and, of what only its last use keeps, what the
// policy lets go. Kept are: all that roots name, but for sources and those of
// SetRootWhileNeeded; each realization whose manifest a root names, with its
// derivation, log, provenance, files and inputs; the image that such a realization
// was built with, its trees, and the packages that it was made of; the same for
// what living sessions have put or found; likewise realizations, sources and
// images that were used as lately as the policy says, while they fit into its
// quota; what is left of builds that failed in the last week; and, unless the policy
// keeps nothing, what went to quarantine/ in that time.
//
// What roots and sessions keep stays also above the quota: Plan.Kept is then more.
//
// What the database has copies of is healed first: they go with the database. A root,
// or a running build, of which a manifest is damaged or lost for good is an error,
// ErrCorrupt, since nobody knows what it names. Nothing heals below the floor of 64 MiB.
//
// A dry GC removes nothing and returns the plan that a real one would carry
// out. The plan comes from journal, roots and blobs, never from the database.
// GC works on a full disk. It keeps those who put and record waiting while it
// decides and unlinks, and waits itself for those who do so now, up to half a
// minute; then the error is ErrBusy and says who they are.
func (s *Store) GC(ctx context.Context, p Policy, dry bool) (Plan, error) {
	plan, err := s.gc(ctx, p, dry)
	if err != nil {
		return Plan{}, fmt.Errorf("gc: %w", spaceError(s.dir, err))
	}
	return plan, nil
}

func (s *Store) gc(ctx context.Context, p Policy, dry bool) (Plan, error) {
	if !dry {
		if err := s.freeReserve(); err != nil {
			return Plan{}, err
		}
	}
	plan, err := s.collect(ctx, p, dry)
	if err != nil || dry {
		return plan, err
	}
	if err := s.sweepTemps(); err != nil {
		return plan, err
	}
	s.makeReserve()
	return plan, nil
}

// decide makes the plan. The caller holds the gate exclusively.
func (s *Store) decide(p Policy, sizes treeSizes, dry bool) (Plan, error) {
	m, err := s.mark(!dry)
	if err != nil {
		return Plan{}, err
	}
	inv, err := s.takeInventory(sizes)
	if err != nil {
		return Plan{}, err
	}
	if err := s.applyPolicy(m, p, inv); err != nil {
		return Plan{}, err
	}
	return s.plan(m, inv, p)
}

// collect holds the gate: it decides and, unless dry, unlinks. Trees are only
// moved to tmp/, where the sweep finds them: that is what takes long.
func (s *Store) collect(ctx context.Context, p Policy, dry bool) (Plan, error) {
	// Both before, so that nobody waits for it.
	if _, err := s.healNamed(ctx); err != nil {
		return Plan{}, err
	}
	sizes, err := s.sizeTrees(nil)
	if err != nil {
		return Plan{}, err
	}
	gate, err := s.closeGate(ctx)
	if err != nil {
		return Plan{}, err
	}
	defer gate.release()
	plan, err := s.decide(p, sizes, dry)
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
		if err := removeAll(s.path(journalPath(k))); err != nil {
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
		return removeAll(s.BlobPath(d))
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
