package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func stageError(stage string, err error) *StageError {
	return &StageError{Stage: stage, Err: err, Hint: hint(stage, err)}
}

// hint says what to type or change where the cause is known. It reads settings
// of the kernel, for one errno has several causes.
func hint(stage string, err error) string {
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case errors.Is(err, errRoot):
		return "run as an unprivileged user"
	case errors.Is(err, unix.ENOSYS) && slices.Contains([]string{"layers", "read-only proc"}, stage):
		return "Linux 5.12 or later is needed"
	case stage == "clone" && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS)):
		return namespaceLimit()
	case stage == "clone" && refused:
		if setting("kernel/unprivileged_userns_clone") == "0" {
			return "as root: sysctl -w kernel.unprivileged_userns_clone=1"
		}
		return "in a container: its seccomp profile refuses user namespaces; docker and podman take --security-opt seccomp=unconfined"
	case stage == "clone" && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)):
		return "the kernel was built without user namespaces (CONFIG_USER_NS)"
	case stage == "proc" && refused:
		return "in a container: its /proc is masked; docker and podman take --security-opt systempaths=unconfined, kubernetes procMount: Unmasked"
	case stage == "overlay" && errors.Is(err, unix.EINVAL):
		return "the scratch directory can't be an upper layer (it may be on overlayfs itself): give a tmpfs or a volume with --store DIR"
	case stage == "overlay" && errors.Is(err, unix.ENODEV):
		return "as root: modprobe overlay"
	case stage == "scratch" && errors.Is(err, unix.EOPNOTSUPP):
		return "a tmpfs keeps the attributes of layers from Linux 6.6 on: give a directory on a disk with --store DIR"
	case stage == "filter" && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)):
		return "the kernel was built without system call filters (CONFIG_SECCOMP_FILTER)"
	case stage == "mount points":
		return "the image must have a directory there, or no entry in any of its layers"
	case stage == "binds" && errors.Is(err, unix.ELOOP):
		return "the path runs through a symbolic link of the image: name it by its real path"
	case refused && slices.Contains([]string{"uid map", "private mounts", "overlay", "loopback", "host name"}, stage):
		return appArmor()
	}
	return ""
}

// namespaceLimit names the limit that is 0; where none is, one was reached.
func namespaceLimit() string {
	for _, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		name := "max_" + kind + "_namespaces"
		if setting("user/"+name) == "0" {
			return fmt.Sprintf("as root: sysctl -w user.%s=65536", name)
		}
	}
	return "as root: raise the sysctls user.max_*_namespaces, one of which was reached"
}

// appArmor is for Ubuntu from 23.10 on, which lets a user namespace be made and
// then takes its capabilities away, but from programs with such a profile.
func appArmor() string {
	if setting("kernel/apparmor_restrict_unprivileged_userns") != "1" {
		return "a security module of the host takes capabilities away in user namespaces"
	}
	exe, err := os.Executable()
	if err != nil {
		exe = "/PATH/TO/pbuild"
	}
	return fmt.Sprintf(`AppArmor refuses it; as root, write these lines to /etc/apparmor.d/pbuild and run apparmor_parser -r /etc/apparmor.d/pbuild
abi <abi/4.0>,
include <tunables/global>
profile pbuild %s flags=(unconfined) {
  userns,
}`, exe)
}

// setting returns a file of /proc/sys, empty where it does not exist.
func setting(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
