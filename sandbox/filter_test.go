package sandbox

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFakeRoot: the calls are answered with success, and nothing changes.
func TestFakeRoot(t *testing.T) {
	calls := []string{
		"chown", "lchown", "fchown", "fchownat",
		"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset",
		"fsync", "fsync-closed", "fdatasync-closed", "syncfs-closed", "sync-range-closed", "sync",
	}
	s := probe(t, append(append([]string{"try"}, calls...), "owner", "id")...)
	got := tried(t, s)
	for _, name := range calls {
		if got[name] != "ok" {
			t.Errorf("%s: %s", name, got[name])
		}
	}
	if got["owner"] != "0:0" || got["id"] != "0 0 0, 0 0 0" {
		t.Errorf("owner %s, id %s", got["owner"], got["id"])
	}
	control := tried(t, s, "filter")
	want := map[string]string{
		"chown": "EINVAL", "lchown": "EINVAL", "fchown": "EINVAL", "fchownat": "EINVAL",
		"setuid": "EINVAL", "setgid": "EINVAL", "setreuid": "EINVAL", "setresuid": "EINVAL", "setgroups": "EPERM", "capset": "EPERM",
		"fsync-closed": "EBADF", "fdatasync-closed": "EBADF", "syncfs-closed": "EBADF", "sync-range-closed": "EBADF",
	}
	for name, w := range want {
		if control[name] != w {
			t.Errorf("control: %s: got %s, want %s", name, control[name], w)
		}
	}
}

func TestNodes(t *testing.T) {
	s := probe(t, "try", "mknod-char", "mknod-block", "mkfifo", "mknod-file")
	got := tried(t, s)
	if got["mknod-char"] != "answered, nothing made" || got["mknod-block"] != "answered, nothing made" || got["mkfifo"] != "made" || got["mknod-file"] != "made" {
		t.Errorf("got %v", got)
	}
	if control := tried(t, s, "filter"); control["mknod-char"] != "EPERM" || control["mknod-block"] != "EPERM" {
		t.Errorf("control: %v", control)
	}
}

// TestRefusedCalls gives for each call the answer with the filter, and the one
// of the kernel without it and with all capabilities of the namespace; empty
// where that depends on settings of the host.
func TestRefusedCalls(t *testing.T) {
	table := []struct{ name, want, control string }{
		{"unshare-user", "EPERM", "EINVAL"}, // the probe has threads
		{"unshare-mount", "EPERM", "ok"},
		{"setns", "EPERM", "ok"},
		{"mount", "EPERM", "ok"},
		{"fsopen", "EPERM", "ok"},
		{"open-tree", "EPERM", "ok"},
		{"handle", "EPERM", ""},
		{"syslog", "EPERM", ""},
		{"reboot", "EPERM", "EINVAL"},
		{"clone3", "ENOSYS", "ok"},
		{"keyctl", "ENOSYS", "ok"},
		{"add-key", "ENOSYS", "ok"},
		{"bpf", "ENOSYS", ""},
		{"io-uring", "ENOSYS", ""},
		{"userfaultfd", "ENOSYS", ""},
		{"perf", "ENOSYS", ""},
		{"no-aslr", "ok", "ok"},
		{"unix", "ok", "ok"},
	}
	args := []string{"try"}
	for _, c := range table {
		args = append(args, c.name)
	}
	s := probe(t, args...)
	got, control := tried(t, s), tried(t, s, "filter", "capabilities")
	for _, c := range table {
		if got[c.name] != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got[c.name], c.want)
		}
		if c.control != "" && control[c.name] != c.control {
			t.Errorf("control: %s: got %s, want %s", c.name, control[c.name], c.control)
		}
	}
}

// TestNestedNamespace: no process inside can get capabilities by making a user
// namespace. The control has the filter left out, and works.
func TestNestedNamespace(t *testing.T) {
	s := probe(t, "nested")
	if got := output(t, s); got != "clone: EPERM\n" {
		t.Errorf("got %s", got)
	}
	if got := without(t, s, "filter"); got != "clone: ok\n" {
		t.Errorf("control: got %s", got)
	}
}

func TestForeignCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		return // this architecture has one ABI only
	}
	s := probe(t, "try", "x32-getpid", "i386-getpid")
	if got := tried(t, s); got["x32-getpid"] != "ENOSYS" || got["i386-getpid"] != "ENOSYS" {
		t.Errorf("got %v", got)
	}
	if got := tried(t, s, "filter"); got["i386-getpid"] == "ENOSYS" && got["x32-getpid"] == "ENOSYS" {
		t.Logf("this kernel has neither ABI: %v", got)
	}
}

// TestFilterProgram runs the filter for every call by an interpreter, so that
// the search by halves is known to find each rule and no other.
func TestFilterProgram(t *testing.T) {
	p := filter()
	named := map[uint32]bool{}
	want := func(nr uint32, ret uint32) {
		named[nr] = true
		if got := interpret(t, p, auditArch, nr, 0, 0, 0); got != ret {
			t.Errorf("call %d: got %#x, want %#x", nr, got, ret)
		}
	}
	for _, nr := range faked() {
		want(nr, unix.SECCOMP_RET_ERRNO)
	}
	for _, nr := range forbidden() {
		want(nr, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))
	}
	for _, nr := range absent() {
		want(nr, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS))
	}
	want(unix.SYS_SOCKET, unix.SECCOMP_RET_ERRNO|uint32(unix.EAFNOSUPPORT))
	for nr := range uint32(1000) {
		if !named[nr] {
			if got := interpret(t, p, auditArch, nr, 0, 0, 0); got != retAllow {
				t.Errorf("call %d: got %#x", nr, got)
			}
		}
	}
	for _, c := range []struct {
		arch, nr   uint32
		a0, a1, a2 uint64
		want       uint32
	}{
		{auditArch ^ 1, unix.SYS_READ, 0, 0, 0, retErrno(unix.ENOSYS)},
		{auditArch, unix.SYS_CLONE, uint64(unix.SIGCHLD), 0, 0, retAllow},
		{auditArch, unix.SYS_CLONE, unix.CLONE_VM | unix.CLONE_THREAD, 0, 0, retAllow},
		{auditArch, unix.SYS_CLONE, unix.CLONE_NEWUSER, 0, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_CLONE, unix.CLONE_NEWNS | unix.CLONE_VM, 0, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_CLONE, 0xdead<<32 | unix.CLONE_NEWPID, 0, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_IOCTL, 0, unix.TIOCSTI, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_IOCTL, 0, 1<<32 | unix.TIOCSTI, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_IOCTL, 0, unix.TIOCLINUX, 0, retErrno(unix.EPERM)},
		{auditArch, unix.SYS_IOCTL, 0, unix.TCGETS, 0, retAllow},
		{auditArch, unix.SYS_SOCKET, unix.AF_INET6, 0, 0, retAllow},
		{auditArch, unix.SYS_SOCKET, unix.AF_UNIX, 0, 0, retAllow},
		{auditArch, unix.SYS_SOCKET, unix.AF_VSOCK, 0, 0, retErrno(unix.EAFNOSUPPORT)},
		{auditArch, unix.SYS_MKNODAT, 0, 0, unix.S_IFCHR | 0o600, retFake},
		{auditArch, unix.SYS_MKNODAT, 0, 0, unix.S_IFBLK, retFake},
		{auditArch, unix.SYS_MKNODAT, 0, 0, unix.S_IFIFO | 0o600, retAllow},
		{auditArch, unix.SYS_MKNODAT, 0, 0, unix.S_IFREG | 0o600, retAllow},
	} {
		if got := interpret(t, p, c.arch, c.nr, c.a0, c.a1, c.a2); got != c.want {
			t.Errorf("%+v: got %#x", c, got)
		}
	}
	if foreignBit != 0 {
		if got := interpret(t, p, auditArch, foreignBit|unix.SYS_READ, 0, 0, 0); got != retErrno(unix.ENOSYS) {
			t.Errorf("x32: got %#x", got)
		}
	}
}

// interpret runs those instructions that the filter uses.
func interpret(t *testing.T, p []unix.SockFilter, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	var a uint32
	for pc := 0; pc < len(p); pc++ {
		i := p[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(i.Jt)
			} else {
				pc += int(i.Jf)
			}
		}
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			switch {
			case i.K == offNumber:
				a = nr
			case i.K == offArch:
				a = arch
			default:
				a = uint32(args[(i.K-offArgs)/8])
			}
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(i.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(a == i.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(a >= i.K)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			jump(a&i.K != 0)
		case unix.BPF_RET | unix.BPF_K:
			return i.K
		default:
			t.Fatalf("instruction %d: %+v", pc, i)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}
