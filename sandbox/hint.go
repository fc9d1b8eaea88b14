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
	return &StageError{Stage: stage, Err: err, Hint: hint(stage, err, thisHost())}
}

// host is what tells apart the causes of one errno.
type host struct {
	setting  func(name string) string // a file of /proc/sys, empty where it does not exist
	filtered bool                     // a system call filter is on this process, as in a container
	exe      string                   // the path of this program
}

// hint says what to type or change where the cause is known.
func hint(stage string, err error, h host) string {
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	unknown := errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)
	switch {
	case errors.Is(err, errRoot):
		return "run as an unprivileged user"
	case errors.Is(err, unix.ENOSYS) && slices.Contains([]string{"layers", "read-only proc"}, stage):
		return "Linux 5.12 or later is needed"
	case stage == "clone" && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS)):
		return h.namespaceLimit()
	case stage == "clone" && refused:
		return h.noNamespaces()
	case stage == "clone" && unknown:
		return "the kernel was built without user namespaces (CONFIG_USER_NS)"
	case stage == "proc" && refused:
		return maskedProc
	case stage == "filter" && unknown:
		return "the kernel was built without system call filters (CONFIG_SECCOMP_FILTER)"
	case stage == "watch" && refused:
		return "a security module of the host lets no process look at its children: limits of builds can't be kept"
	case stage == "mount points":
		return "the image must have a directory there, or no entry in any of its layers"
	case stage == "binds" && errors.Is(err, unix.ELOOP):
		return "the path runs through a symbolic link of the image: name it by its real path"
	case (stage == "copy" || stage == "changes") && errors.Is(err, errNoWatches):
		return "as root: sysctl -w fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=1024"
	case stage == "copy" && errors.Is(err, unix.ENOSPC):
		return "the copy of an image takes as much room as the image: another disk?  --store DIR"
	case refused && slices.Contains([]string{"uid map", "private mounts", "loopback", "host name"}, stage):
		return h.noCapabilities()
	}
	return ""
}

// copyHint says what makes an overlay possible where it was refused.
func copyHint(why error) string {
	switch {
	case why == nil:
		return ""
	case errors.Is(why, errNamedMarks):
		return "the store was made where no overlay is possible; a new one:  --store DIR"
	case errors.Is(why, unix.EOPNOTSUPP):
		return "faster:  --store DIR, on a disk, or from Linux 6.6 on a tmpfs: they keep user.* attributes"
	case errors.Is(why, unix.ENODEV):
		return "faster; as root: modprobe overlay"
	case errors.Is(why, unix.EINVAL):
		return `faster:  --store DIR, on a disk or a volume: a container's own files are on overlayfs
docker run --volume pbuild:DIR
podman run --volume pbuild:DIR
kubernetes:  volumes: [{name: pbuild, emptyDir: {}}]  with  volumeMounts: [{name: pbuild, mountPath: DIR}]`
	}
	return "faster where the security module of the host lets overlays be mounted"
}

// namespaceLimit names the limit that is 0; where none is, one was reached.
func (h host) namespaceLimit() string {
	for _, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		name := "max_" + kind + "_namespaces"
		if h.setting("user/"+name) == "0" {
			return fmt.Sprintf("as root: sysctl -w user.%s=65536", name)
		}
	}
	return "as root: raise the sysctls user.max_*_namespaces, one of which was reached"
}

// The kernel makes a new /proc only where the old one can be seen in full.
const maskedProc = `the container's /proc is masked, and then the kernel makes no other:
docker run --security-opt systempaths=unconfined
podman run --security-opt unmask=ALL
kubernetes:  hostUsers: false  with  securityContext: {procMount: Unmasked}`

const filteredClone = `the container's seccomp profile refuses user namespaces:
docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined
podman run --security-opt seccomp=unconfined --security-opt unmask=ALL
kubernetes:  hostUsers: false  with  securityContext: {seccompProfile: {type: Unconfined}, procMount: Unmasked}`

func (h host) noNamespaces() string {
	switch {
	case h.setting("kernel/unprivileged_userns_clone") == "0": // Debian until 10, Arch's hardened kernel
		return "as root: sysctl -w kernel.unprivileged_userns_clone=1"
	case h.filtered:
		return filteredClone
	case h.restricted():
		return h.appArmorProfile()
	}
	return "nobody makes a user namespace in a chroot; elsewhere a security module of the host refuses it"
}

func (h host) noCapabilities() string {
	switch {
	case h.restricted():
		return h.appArmorProfile()
	case h.filtered:
		return "a container refuses it: its AppArmor profile, for one:  docker run --security-opt apparmor=unconfined"
	}
	return "a security module of the host takes capabilities away in user namespaces"
}

// restricted is Ubuntu's from 23.10 on: a user namespace can be made, without its
// capabilities, but by programs with a profile that says userns.
func (h host) restricted() bool {
	return h.setting("kernel/apparmor_restrict_unprivileged_userns") == "1"
}

// appArmorProfile is for a shell, but for its first line. A path in a profile is a pattern in
// quotes (apparmor.d(5)).
func (h host) appArmorProfile() string {
	path := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`, `^`, `\^`, `@`, `\@`).Replace(h.exe)
	return fmt.Sprintf(`AppArmor takes capabilities away in user namespaces; as root:
cat >/etc/apparmor.d/pbuild <<'END'
abi <abi/4.0>,
include <tunables/global>
profile pbuild "%s" flags=(unconfined) {
  userns,
}
END
apparmor_parser --replace /etc/apparmor.d/pbuild`, path)
}

func thisHost() host {
	h := host{setting: setting, exe: "/PATH/TO/pbuild"}
	if exe, err := os.Executable(); err == nil {
		h.exe = exe
	}
	status, err := os.ReadFile("/proc/self/status") // proc_pid_status(5)
	h.filtered = err == nil && strings.Contains(string(status), "\nSeccomp:\t2\n")
	return h
}

func setting(name string) string {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
