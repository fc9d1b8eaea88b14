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
	want = append(want, "watch")
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

// TestCloneStage: what the runtime reports as one error is told apart.
func TestCloneStage(t *testing.T) {
	if got := cloneStage(unix.ENOSPC); got != "clone" {
		t.Errorf("got %s", got)
	}
	if got := cloneStage(unix.EPERM); got != "uid map" { // namespaces can be made here
		t.Errorf("got %s", got)
	}
}
