package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheck(t *testing.T) {
	dir := tempDir(t)
	var names []string
	for _, s := range Check(t.Context(), dir) {
		if s.Err != nil || s.Hint != "" {
			t.Errorf("%+v", s)
		}
		names = append(names, s.Name)
	}
	want := callerStages()
	for _, s := range (&cell{plan: plan{stop: true}}).stages() {
		want = append(want, s.name)
	}
	if strings.Join(names, ", ") != strings.Join(want, ", ") {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestCheckWithoutScratch(t *testing.T) {
	got := Check(t.Context(), "/absent")
	if len(got) != 1 || got[0].Name != "scratch" || !errors.Is(got[0].Err, os.ErrNotExist) {
		t.Errorf("got %v", got)
	}
}

// TestNamespacesOff: user namespaces are turned off where the helper runs, as
// an administrator can for all. Nothing runs.
func TestNamespacesOff(t *testing.T) {
	s := probe(t)
	for setting, want := range map[string]string{
		"max_user_namespaces": "clone ENOSPC as root: sysctl -w user.max_user_namespaces=65536",
		"max_net_namespaces":  "clone ENOSPC as root: sysctl -w user.max_net_namespaces=65536",
	} {
		h := helperWithCapabilities("off", unix.CAP_SYS_RESOURCE)
		h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "SETTING="+setting)
		out, err := h.Output()
		if err != nil || string(out) != "run: "+want+"\ncheck: "+want+"\n" {
			t.Errorf("%s: got %s %v", setting, out, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(s.Scratch, "upper")); err != nil || len(entries) != 0 {
		t.Errorf("upper holds %v, %v", entries, err)
	}
}

func offHelper() {
	if err := os.WriteFile("/proc/sys/user/"+os.Getenv("SETTING"), []byte("0"), 0); err != nil {
		fmt.Println(err)
		return
	}
	err := Run(context.Background(), Spec{
		Lower: []string{os.Getenv("LOWER")}, Scratch: os.Getenv("SCRATCH"),
		Argv: []string{"/bin/probe", "touch", "/ran"},
	})
	show := func(what, stage string, err error, hint string) {
		var errno unix.Errno
		errors.As(err, &errno)
		fmt.Println(what, stage, unix.ErrnoName(errno), hint)
	}
	if stage, ok := err.(*StageError); ok {
		show("run:", stage.Stage, stage.Err, stage.Hint)
	}
	stages := Check(context.Background(), os.Getenv("SCRATCH"))
	last := stages[len(stages)-1]
	show("check:", last.Name, last.Err, last.Hint)
}

// TestHints walks the table of refusals that are known.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		stage string
		err   error
		want  string // a part of the hint
	}{
		{"clone", unix.ENOSPC, "user.max_"},
		{"clone", unix.EPERM, "seccomp"},
		{"clone", unix.EINVAL, "CONFIG_USER_NS"},
		{"uid map", unix.EPERM, "capabilities"},
		{"loopback", unix.EACCES, "capabilities"},
		{"private mounts", unix.EACCES, "capabilities"},
		{"proc", unix.EPERM, "systempaths=unconfined"},
		{"overlay", unix.EINVAL, "--store"},
		{"overlay", unix.ENODEV, "modprobe overlay"},
		{"layers", unix.ENOSYS, "Linux 5.12"},
		{"filter", unix.EINVAL, "CONFIG_SECCOMP_FILTER"},
		{"caller", errRoot, "unprivileged"},
	} {
		if got := stageError(c.stage, fmt.Errorf("x: %w", c.err)).Hint; !strings.Contains(got, c.want) {
			t.Errorf("%s %v: got %q", c.stage, c.err, got)
		}
	}
	if got := stageError("devpts", unix.EIO).Hint; got != "" {
		t.Errorf("got %q", got)
	}
}

// TestCloneStage: what the runtime reports as one error is told apart.
func TestCloneStage(t *testing.T) {
	if got := cloneStage(unix.ENOSPC); got != "clone" {
		t.Errorf("got %s", got)
	}
	if got := cloneStage(unix.EPERM); got != "uid map" { // namespaces can be made here
		t.Errorf("got %s", got)
	}
}

// TestUpperOnOverlay: a scratch directory that can't be an upper layer, as in a
// container without a volume.
func TestUpperOnOverlay(t *testing.T) {
	s := probe(t)
	h := helperWithCapabilities("overlay", unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE)
	h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "HOST="+tempDir(t))
	out, err := h.Output()
	if err != nil || !strings.HasPrefix(string(out), "overlay EINVAL the scratch directory can't be an upper layer") {
		t.Errorf("got %s %v", out, err)
	}
}

func overlayHelper() {
	host := os.Getenv("HOST")
	for _, name := range []string{"lower/scratch", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(host, name), 0o755); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := os.Chmod(filepath.Join(host, "lower/scratch"), 0o700); err != nil {
		fmt.Println(err)
		return
	}
	options := fmt.Sprintf("userxattr,lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", host)
	if err := unix.Mount("overlay", filepath.Join(host, "merged"), "overlay", 0, options); err != nil {
		fmt.Println(err)
		return
	}
	err := Run(context.Background(), Spec{
		Lower: []string{os.Getenv("LOWER")}, Scratch: filepath.Join(host, "merged/scratch"),
		Argv: []string{"/bin/probe", "exit", "0"},
	})
	var stage *StageError
	var errno unix.Errno
	if errors.As(err, &stage) && errors.As(err, &errno) {
		fmt.Println(stage.Stage, unix.ErrnoName(errno), stage.Hint)
		return
	}
	fmt.Println(err)
}
