package worker

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// giveUpPrivileges takes from the calling thread, and so from a process that it
// starts, every way to get a privilege back by executing a program: a
// set-user-id bit or capabilities of a file have no effect. What the thread may
// do now, such as becoming another user, it still may. None of it can be undone.
//
// It is done before the worker exists and not by the worker, whose first act
// would be too late for what runs before main, and who could not reach each of
// its threads where C code is linked in (syscall.AllThreadsSyscall refuses).
func giveUpPrivileges() error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > 0 {
			break // past the last one that this kernel knows
		}
		if errors.Is(err, unix.EPERM) {
			break // a root without CAP_SETPCAP, as in a container; what follows is enough alone
		}
		if err != nil {
			return fmt.Errorf("bounding set: %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	return nil
}
