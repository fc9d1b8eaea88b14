package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestHints walks the table of refusals that are known.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		stage    string
		err      error
		settings map[string]string
		filtered bool
		want     string // begins so
	}{
		{"clone", unix.ENOSPC, map[string]string{"user/max_net_namespaces": "0"}, false, "as root: sysctl -w user.max_net_namespaces=65536"},
		{"clone", unix.EUSERS, nil, false, "as root: raise the sysctls user.max_*_namespaces"},
		{"clone", unix.EPERM, map[string]string{"kernel/unprivileged_userns_clone": "0"}, true, "as root: sysctl -w kernel.unprivileged_userns_clone=1"},
		{"clone", unix.EPERM, map[string]string{"kernel/unprivileged_userns_clone": "1"}, true, "the container's seccomp profile refuses"},
		{"clone", unix.EPERM, nil, false, "nobody makes a user namespace in a chroot"},
		{"clone", unix.EACCES, ubuntu, false, "AppArmor takes capabilities away"},
		{"clone", unix.EINVAL, nil, false, "the kernel was built without user namespaces"},
		{"uid map", unix.EPERM, ubuntu, false, "AppArmor takes capabilities away"},
		{"loopback", unix.EPERM, ubuntu, false, "AppArmor takes capabilities away"},
		{"private mounts", unix.EACCES, ubuntu, true, "AppArmor takes capabilities away"},
		{"private mounts", unix.EACCES, nil, true, "a container refuses it"},
		{"host name", unix.EPERM, nil, false, "a security module of the host"},
		{"proc", unix.EPERM, nil, true, "the container's /proc is masked"},
		{"copy", watchError(unix.ENOSPC), nil, false, "as root: sysctl -w fs.inotify.max_user_watches="},
		{"copy", unix.ENOSPC, nil, true, "the copy of an image takes as much room"},
		{"layers", unix.ENOSYS, nil, false, "Linux 5.12"},
		{"filter", unix.EINVAL, nil, false, "the kernel was built without system call filters"},
		{"caller", errRoot, nil, false, "run as an unprivileged user"},
	} {
		f := host{setting: func(name string) string { return c.settings[name] }, filtered: c.filtered, exe: "/usr/bin/pbuild"}
		if got := hint(c.stage, fmt.Errorf("x: %w", c.err), f); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %v: got %q", c.stage, c.err, got)
		}
	}
	if got := hint("devpts", unix.EIO, thisHost()); got != "" {
		t.Errorf("got %q", got)
	}
	for err, want := range map[error]string{
		unix.EINVAL: "docker run --volume", unix.EOPNOTSUPP: "Linux 6.6", unix.ENODEV: "modprobe overlay",
		unix.EPERM: "security module", errNamedMarks: "--store DIR",
	} {
		if got := copyHint(fmt.Errorf("x: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: got %q", err, got)
		}
	}
}

var ubuntu = map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1"}

// TestAppArmorProfile: a text for a shell, with this program's own path.
func TestAppArmorProfile(t *testing.T) {
	got := host{exe: `/home/a "b"/it's [1]/pbuild`}.appArmorProfile()
	want := `AppArmor takes capabilities away in user namespaces; as root:
cat >/etc/apparmor.d/pbuild <<'END'
abi <abi/4.0>,
include <tunables/global>
profile pbuild "/home/a \"b\"/it's \[1\]/pbuild" flags=(unconfined) {
  userns,
}
END
apparmor_parser --replace /etc/apparmor.d/pbuild`
	if got != want {
		t.Errorf("got %s", got)
	}
	if exe, err := os.Executable(); err != nil || thisHost().exe != exe {
		t.Errorf("%q, %v", thisHost().exe, err)
	}
}

// TestContained: what a container does is told as such, and nothing runs.
func TestContained(t *testing.T) {
	s := probe(t, "touch", "/ran")
	for how, want := range map[string]string{
		"filter": "clone EPERM the container's seccomp profile refuses user namespaces:\n",
		"mask":   "proc EPERM the container's /proc is masked, and then the kernel makes no other:\n",
	} {
		h := helperWithCapabilities("contained", unix.CAP_SYS_ADMIN)
		h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "HOW="+how)
		out, err := h.Output()
		if err != nil || strings.Count(string(out), want) != 2 {
			t.Errorf("%s: got %s %v", how, out, err)
		}
		if entries, err := os.ReadDir(s.Scratch + "/upper"); err != nil || len(entries) != 0 {
			t.Errorf("%s: upper holds %v, %v", how, entries, err)
		}
	}
}

func containedHelper() {
	var err error
	if os.Getenv("HOW") == "mask" {
		err = unix.Mount("tmpfs", "/proc/irq", "tmpfs", unix.MS_RDONLY, "") // as docker has it for /proc/scsi
	} else {
		err = refuseUserNamespaces()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	err = Run(context.Background(), Spec{
		Lower: []string{os.Getenv("LOWER")}, Scratch: os.Getenv("SCRATCH"), Argv: []string{"/bin/probe", "touch", "/ran"},
	})
	stages := Check(context.Background(), os.Getenv("SCRATCH"))
	last := stages[len(stages)-1]
	for _, s := range []*StageError{{last.Name, last.Err, last.Hint}, asStage(err)} {
		var errno unix.Errno
		errors.As(s.Err, &errno)
		fmt.Println(s.Stage, unix.ErrnoName(errno), s.Hint)
	}
}

func asStage(err error) *StageError {
	var s *StageError
	if !errors.As(err, &s) {
		return &StageError{Stage: "none", Err: err}
	}
	return s
}

// refuseUserNamespaces is what docker's filter does to processes without CAP_SYS_ADMIN.
func refuseUserNamespaces() error {
	p := []unix.SockFilter{
		load(offNumber),
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 1, 0),
		ret(retAllow),
		loadArg(0),
		jump(unix.BPF_JSET, unix.CLONE_NEWUSER, 0, 1),
		ret(retErrno(unix.EPERM)),
		ret(retAllow),
	}
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}
