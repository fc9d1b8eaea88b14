package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setHostName sets the two names that uname(2) tells; the second one is the
// host's NIS domain until it is overwritten.
func setHostName() error {
	if err := unix.Sethostname([]byte("pbuild")); err != nil {
		return err
	}
	return unix.Setdomainname([]byte("(none)"))
}

// raiseLoopback turns on the one interface that a new network namespace has,
// so that test suites can talk to themselves.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}

// setLimits makes equal everywhere what programs ask for and act on. Some
// close every descriptor up to the limit, so that it is not as high as it
// could be; a hard limit of the caller that is lower stays. The personality is
// here since setarch(8) in front of the caller would change what uname tells.
func (c *cell) setLimits() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, 0, 0, 0); errno != 0 {
		return fmt.Errorf("personality: %w", errno)
	}
	type limit struct {
		what       int
		soft, hard uint64
	}
	all := []limit{
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_NOFILE, 1024, 65536},
		{unix.RLIMIT_STACK, 8 << 20, unix.RLIM_INFINITY},
		// Some hosts let their users go before all others on a processor.
		{unix.RLIMIT_RTPRIO, 0, 0},
		{unix.RLIMIT_NICE, 0, 0},
	}
	if c.processes > 0 {
		all = append(all, limit{unix.RLIMIT_NPROC, c.processes, c.processes})
	}
	for _, l := range all {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.what, &now); err != nil {
			return fmt.Errorf("limit %d: %w", l.what, err)
		}
		hard := min(l.hard, now.Max)
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: min(l.soft, hard), Max: hard}); err != nil {
			return fmt.Errorf("limit %d: %w", l.what, err)
		}
	}
	return nil
}

// rootGroup makes the group that the caller has put init into the root of all that
// the program sees, as the caller's own group is without one.
func (c *cell) rootGroup() error {
	if !c.grouped {
		return nil
	}
	return unix.Unshare(unix.CLONE_NEWCGROUP)
}
