package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fuel-infra/pbuild/internal/worker"
)

// playOff turns user namespaces off where it runs, as an administrator can for
// all, and becomes pbuild without a capability.
func playOff() {
	err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		err = syscall.Exec("/proc/self/exe", append([]string{"pbuild"}, os.Args[1:]...), os.Environ())
	}
	fmt.Fprintln(os.Stderr, "off:", err)
	os.Exit(99)
}

// TestNamespacesOff: where user namespaces are turned off nothing is built, and
// people are told what to change: an ordinary user, and the root of a namespace,
// who is one on the host.
func TestNamespacesOff(t *testing.T) {
	store, owner, dir := ownersPlace(t, "debian-12-deb")
	const hint = "hint: as root: sysctl -w user.max_user_namespaces=65536\n"
	const why = "sandbox: clone: no more namespaces are allowed: no space left on device"
	for _, uid := range []int{1000, 0} {
		for _, tc := range []struct {
			args           []string
			stdout, stderr string
		}{
			{
				[]string{"doctor"},
				`(?s)^ok\tstore\t.*\nFAIL\tsandbox clone\tno more namespaces are allowed: no space left on device\nok\tlimits\t[^\n]*\n$`,
				"^pbuild: doctor: sandbox clone: no more namespaces are allowed: no space left on device\n" + hint + "$",
			},
			{
				[]string{"realize", "hello", "--format", "deb"},
				"^$",
				`^(pbuild: \[0/1\] hello deb: waiting for debian-12-deb\n)?pbuild: \[0/1\] hello deb: building\npbuild: \[1/1\] hello deb: FAILED \d+\.\ds\npbuild: realize hello: ` + why + "\n" + hint + "hint: pbuild doctor\n$",
			},
		} {
			t.Run(fmt.Sprint(uid, tc.args), func(t *testing.T) {
				c, out, said := namespaced(t, owner, uid, dir, store, tc.args...)
				var exit *exec.ExitError
				if err := c.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
					t.Errorf("got %v", err)
				}
				if !regexp.MustCompile(tc.stdout).Match(out.Bytes()) || !regexp.MustCompile(tc.stderr).Match(said.Bytes()) {
					t.Errorf("stdout\n%s\nstderr\n%s", out, said)
				}
				if left, err := os.ReadDir(filepath.Join(store, "tmp")); err != nil || len(left) != 0 {
					t.Errorf("left: %v, %v", left, err)
				}
			})
		}
	}
}

// namespaced returns a pbuild in dir, in a user namespace of the store's owner
// in which that one is called uid, and in which no further one can be made.
func namespaced(t *testing.T, owner, uid int, dir, store string, args ...string) (c *exec.Cmd, out, said *bytes.Buffer) {
	t.Helper()
	self, err := worker.Executable() // the owner may not reach it by its path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { self.Close() })
	out, said = &bytes.Buffer{}, &bytes.Buffer{}
	c = exec.Command("/proc/self/fd/" + strconv.Itoa(int(self.Fd())))
	c.Args = append([]string{"pbuild-off"}, args...)
	c.Dir, c.Stdout, c.Stderr = dir, out, said
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PBUILD_STORE=" + store, "GORACE=" + noRaceSleep}
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "GOCOVERDIR=") {
			c.Env = append(c.Env, e)
		}
	}
	id := []syscall.SysProcIDMap{{ContainerID: uid, HostID: owner, Size: 1}}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, UidMappings: id, GidMappings: id,
		Credential:  &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), NoSetGroups: true},
		AmbientCaps: []uintptr{unix.CAP_SYS_RESOURCE},
	}
	if os.Geteuid() != 0 {
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: os.Getegid(), Size: 1}}
	}
	return c, out, said
}
