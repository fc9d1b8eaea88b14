package store

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/store/digest"
)

// LockKey waits for the lock of a key and begins the session: it is held for
// one build, and who waited looks the key up again. The lock ends with unlock,
// which may be called more than once, or with the process.
func (s *Store) LockKey(ctx context.Context, k digest.Key) (unlock func(), err error) {
	unlock, err = s.lock(ctx, k.Hex())
	if err != nil {
		return nil, fmt.Errorf("lock key %s: %w", k.Short(), err)
	}
	return unlock, nil
}

// LockName is LockKey for things with a name, such as a builder image. Names
// are those of roots.
func (s *Store) LockName(ctx context.Context, name string) (unlock func(), err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	unlock, err = s.lock(ctx, "name-"+name)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return unlock, nil
}

func (s *Store) lock(ctx context.Context, name string) (func(), error) {
	if err := s.beginSession(); err != nil {
		return nil, err
	}
	l, err := waitFlock(ctx, s.path(locksDir, name), unix.LOCK_EX)
	if err != nil {
		return nil, spaceError(s.dir, err)
	}
	return sync.OnceFunc(l.release), nil
}
