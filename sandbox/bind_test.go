package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBinds(t *testing.T) {
	host := filepath.Join(tempDir(t), "host")
	addTree(t, host, "dir/file", "file")
	for _, inside := range []string{"/build/in", "/tmp/in", "/run/a/b/in"} {
		s := probe(t, "read", inside+"/dir/file")
		s.Binds = []Bind{{Host: host, Inside: inside}}
		if got, want := output(t, s), inside+"/dir/file: \"host/dir/file\"\n"; got != want {
			t.Errorf("got %s", got)
		}
		s.Argv = []string{"/bin/probe", "write", inside + "/file"}
		if got, want := output(t, s), inside+"/file: EROFS\n"; got != want {
			t.Errorf("got %s", got)
		}
		s.Binds = []Bind{{Host: filepath.Join(host, "file"), Inside: inside}}
		s.Argv = []string{"/bin/probe", "read", inside}
		if got, want := output(t, s), inside+": \"host/file\"\n"; got != want {
			t.Errorf("got %s", got)
		}
		if entries, err := os.ReadDir(filepath.Join(s.Scratch, "upper")); err != nil || len(entries) != 0 {
			t.Errorf("upper holds %v, %v", entries, err)
		}
	}
}

func TestWritableBind(t *testing.T) {
	host := filepath.Join(tempDir(t), "host")
	addTree(t, host, "file")
	s := probe(t, "touch", "/out/made")
	s.Binds = []Bind{{Host: host, Inside: "/out", Writable: true}}
	output(t, s)
	if b, err := os.ReadFile(filepath.Join(host, "made")); err != nil || string(b) != "/out/made" {
		t.Errorf("got %q, %v", b, err)
	}
	if st := lstat(t, host, "made"); int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		t.Errorf("owner %d:%d", st.Uid, st.Gid)
	}
}

// TestBindOrder: a later one lies over an earlier one.
func TestBindOrder(t *testing.T) {
	a, b := filepath.Join(tempDir(t), "a__a"), filepath.Join(tempDir(t), "b__b")
	addTree(t, a, "sub/", "file")
	addTree(t, b, "file")
	s := probe(t, "read", "/x/file", "/x/sub/file")
	s.Binds = []Bind{{Host: a, Inside: "/x"}, {Host: b, Inside: "/x/sub"}}
	if got, want := output(t, s), "/x/file: \"a__a/file\"\n/x/sub/file: \"b__b/file\"\n"; got != want {
		t.Errorf("got %s", got)
	}
}

// TestBindThroughLink: a symbolic link of the image would lead to a path of the
// host while the host's root is still the root.
func TestBindThroughLink(t *testing.T) {
	for _, c := range [][2]string{{"lib", "/lib/x"}, {"x", "/x"}} {
		s := probe(t, "exit", "0")
		if err := os.Symlink("/tmp", filepath.Join(s.Lower[0], c[0])); err != nil {
			t.Fatal(err)
		}
		s.Binds = []Bind{{Host: tempDir(t), Inside: c[1]}}
		err := Run(t.Context(), s)
		stage, ok := err.(*StageError)
		if !ok || stage.Stage != "binds" || stage.Hint != "the path runs through a symbolic link of the image: name it by its real path" {
			t.Errorf("%s: got %#v", c[1], err)
		}
	}
}

// TestBindOverFile: the kinds must agree.
func TestBindOverFile(t *testing.T) {
	s := probe(t, "exit", "0")
	s.Binds = []Bind{{Host: tempDir(t), Inside: "/bin/probe"}}
	if stage, ok := Run(t.Context(), s).(*StageError); !ok || stage.Stage != "binds" {
		t.Errorf("got %v", stage)
	}
}

// TestReadOnlyIsRecursive needs a directory with a mount below it, which the
// helper makes in a namespace of its own. It also has a device and a
// set-user-id file there.
func TestReadOnlyIsRecursive(t *testing.T) {
	s := probe(t)
	for _, c := range []struct{ bind, want string }{
		{"ro", "/in/sub/file: EROFS\nresult: <nil>\n"},
		{"rw", "/in/sub/file: ok\nresult: <nil>\n"},
	} {
		h := helperWithCapabilities("submount", unix.CAP_SYS_ADMIN)
		h.Env = append(h.Env, "LOWER="+s.Lower[0], "SCRATCH="+s.Scratch, "HOST="+tempDir(t), "BIND="+c.bind)
		out, err := h.Output()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: got %s %v", c.bind, out, err)
		}
	}
}

func submountHelper() {
	host := os.Getenv("HOST")
	sub := filepath.Join(host, "sub")
	for _, err := range []error{
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		os.Mkdir(sub, 0o755),
		unix.Mount("tmpfs", sub, "tmpfs", 0, fmt.Sprintf("mode=0755,uid=%d,gid=%d", os.Getuid(), os.Getgid())),
		os.WriteFile(filepath.Join(sub, "file"), nil, 0o644),
	} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	runHelper(Spec{
		Lower: []string{os.Getenv("LOWER")}, Scratch: os.Getenv("SCRATCH"),
		Binds: []Bind{{Host: host, Inside: "/in", Writable: os.Getenv("BIND") == "rw"}},
		Argv:  []string{"/bin/probe", "write", "/in/sub/file"},
	})
}

// helperWithCapabilities runs a helper in namespaces of its own, where it keeps
// its uid and has capabilities.
func helperWithCapabilities(name string, caps ...uintptr) *exec.Cmd {
	c := helper(name)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: caps,
	}
	return c
}

// TestBindAttributes reads them off the mount table.
func TestBindAttributes(t *testing.T) {
	s := probe(t, "mounts")
	s.Binds = []Bind{{Host: tempDir(t), Inside: "/ro"}, {Host: tempDir(t), Inside: "/rw", Writable: true}}
	want := map[string]string{"/ro": "ro,nosuid,nodev", "/rw": "rw,nosuid,nodev"}
	for line := range strings.Lines(output(t, s)) {
		f := strings.Fields(line)
		if flags := want[f[1]]; flags != "" {
			if !strings.HasPrefix(f[3], flags) {
				t.Errorf("%s", line)
			}
			delete(want, f[1])
		}
	}
	if len(want) != 0 {
		t.Errorf("not in the table: %v", want)
	}
}
