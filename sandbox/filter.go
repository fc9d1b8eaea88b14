package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter is a classic BPF program over struct seccomp_data (linux/seccomp.h):
// the call's number at offset 0, the architecture at 4, the arguments, of eight
// bytes each, from 16. It lets through what it does not name. The kernel notes
// which calls are always let through and runs no filter for those.

const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
)

const (
	retAllow = unix.SECCOMP_RET_ALLOW
	// Success without the call: errno 0.
	retFake = unix.SECCOMP_RET_ERRNO
)

func retErrno(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// newNamespaces are the flags of clone(2) that would make a namespace, in
// which a process could have capabilities again.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// faked are the calls of a root who has nothing to lose: one uid is mapped, so
// that owners can't be set, and the root file system is thrown away, so that
// nothing need reach a disk. getgroups belongs here because the caller's other
// groups can't be given up and would differ from host to host.
func faked() []uint32 {
	return append(legacyFaked(),
		unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
		unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID,
		unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID,
		unix.SYS_SETGROUPS, unix.SYS_GETGROUPS, unix.SYS_CAPSET,
		unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_SYNC, unix.SYS_SYNCFS, unix.SYS_SYNC_FILE_RANGE,
	)
}

// forbidden are answered with EPERM, as the kernel answers those without
// capabilities; the filter stands in front of the kernel's own code.
func forbidden() []uint32 {
	return []uint32{
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT,
		unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
		unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE_ATTR,
		unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_SYSLOG, unix.SYS_ACCT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_REBOOT,
		unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME,
		unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	}
}

// absent are answered with ENOSYS, as by a kernel built without them, since
// programs then take another way. clone3 is one because a filter can't read its
// flags: the C libraries fall back to clone.
func absent() []uint32 {
	return []uint32{
		unix.SYS_CLONE3,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
		unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	}
}

// rule is what happens to one call: a block of instructions that ends in
// returns.
type rule struct {
	nr    uint32
	block []unix.SockFilter
}

func rules() []rule {
	var rules []rule
	for _, group := range []struct {
		calls  []uint32
		answer uint32
	}{
		{faked(), retFake},
		{forbidden(), retErrno(unix.EPERM)},
		{absent(), retErrno(unix.ENOSYS)},
	} {
		for _, nr := range group.calls {
			rules = append(rules, rule{nr, []unix.SockFilter{ret(group.answer)}})
		}
	}
	rules = append(rules, rule{unix.SYS_CLONE, []unix.SockFilter{
		loadArg(0),
		jump(unix.BPF_JSET, newNamespaces, 0, 1),
		ret(retErrno(unix.EPERM)),
		ret(retAllow),
	}})
	// Only the low half of a request counts, as for the kernel.
	rules = append(rules, rule{unix.SYS_IOCTL, []unix.SockFilter{
		loadArg(1),
		jump(unix.BPF_JEQ, unix.TIOCSTI, 1, 0),
		jump(unix.BPF_JEQ, unix.TIOCLINUX, 0, 1),
		ret(retErrno(unix.EPERM)),
		ret(retAllow),
	}})
	// Some families (vsock, for one) know no network namespaces.
	rules = append(rules, rule{unix.SYS_SOCKET, []unix.SockFilter{
		loadArg(0),
		jump(unix.BPF_JEQ, unix.AF_UNIX, 4, 0),
		jump(unix.BPF_JEQ, unix.AF_INET, 3, 0),
		jump(unix.BPF_JEQ, unix.AF_INET6, 2, 0),
		jump(unix.BPF_JEQ, unix.AF_NETLINK, 1, 0),
		ret(retErrno(unix.EAFNOSUPPORT)),
		ret(retAllow),
	}})
	for _, c := range deviceCalls() {
		rules = append(rules, rule{c.nr, []unix.SockFilter{
			loadArg(c.modeArg),
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: unix.S_IFMT},
			jump(unix.BPF_JEQ, unix.S_IFCHR, 1, 0),
			jump(unix.BPF_JEQ, unix.S_IFBLK, 0, 1),
			ret(retFake),
			ret(retAllow),
		}})
	}
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Compare(a.nr, b.nr) })
	return rules
}

func filter() []unix.SockFilter {
	p := []unix.SockFilter{
		load(offArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(retErrno(unix.ENOSYS)),
		load(offNumber),
	}
	if foreignBit != 0 {
		p = append(p, jump(unix.BPF_JGE, foreignBit, 0, 1), ret(retErrno(unix.ENOSYS)))
	}
	return append(p, search(rules())...)
}

// search finds the rule for the number that is loaded, by halves. The kernel
// runs the filter for every call that it knows when it is installed; one by one
// this took several times as long.
func search(rules []rule) []unix.SockFilter {
	if len(rules) <= 3 {
		var p []unix.SockFilter
		for _, r := range rules {
			p = append(append(p, jump(unix.BPF_JEQ, r.nr, 0, uint8(len(r.block)))), r.block...)
		}
		return append(p, ret(retAllow))
	}
	mid := len(rules) / 2
	low, high := search(rules[:mid]), search(rules[mid:])
	p := []unix.SockFilter{
		jump(unix.BPF_JGE, rules[mid].nr, 0, 1),
		{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(low))}, // a conditional jump reaches 255 only
	}
	return append(append(p, low...), high...)
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// loadArg loads the low half of an argument; both architectures are little
// endian.
func loadArg(n uint32) unix.SockFilter { return load(offArgs + 8*n) }

func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func ret(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}

type deviceCall struct{ nr, modeArg uint32 }

// installFilter puts the filter on all threads of init, and so on all that is
// started from them.
func installFilter() error {
	p := filter()
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	tid, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	if tid != 0 {
		return fmt.Errorf("thread %d has another filter", tid)
	}
	return nil
}
