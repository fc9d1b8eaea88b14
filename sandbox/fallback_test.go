package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// changes are what programs do to a root file system, in several runs where one
// sees what another left.
func changes() map[string][]string {
	return map[string][]string{
		"nothing":      {"exit 0"},
		"new":          {"mkdir /new /new/a /d/n ; touch /new/a/f /d/n/f /d/g ; symlink f /d/l"},
		"write":        {"touch /d/f ; append /both more"},
		"open":         {"open /d/f", "open /e/x/y"},
		"mode":         {"chmod 0644 /d/f ; chmod 0700 /e ; chmod 04755 /both"},
		"removed":      {"rm /d/f /both", "rm /e"},
		"replaced":     {"rm /d ; mkdir /d ; touch /d/f", "append /d/f x ; touch /d/new"},
		"made anew":    {"rm /d /opaque/s", "mkdir /d /opaque/s ; touch /opaque/f", "touch /d/h"},
		"another kind": {"rm /d /both ; touch /d ; mkdir /both ; touch /both/in", "rm /d /both ; mkdir /d"},
		"moved":        {"mv /d/f /e/f ; mv /e/x/y /d/f ; mv /both /third"},
		"linked":       {"link /d/f /d/f2 ; link /both /e/both ; append /e/both x"},
		"lower link":   {"append /one x"},
		"gone again":   {"touch /d/tmp ; rm /d/tmp ; mkdir /void ; rm /void", "touch /both"},
		"closed":       {"chmod 0 /d/f ; mkdir /c ; touch /c/f ; chmod 0 /c ; chmod 0500 /e", "chmod 0111 /closed/f"},
		"not hidden":   {"mkdir /hidden ; touch /hidden/z", "append /hidden/z more"},
	}
}

// changedLayers makes two layers, with marks in the upper one as the sandbox makes them.
func changedLayers(t testing.TB) []string {
	t.Helper()
	lower := newRoot(t)
	addTree(t, lower, "d/f", "d/h", "e/x/y", "e/z/", "both", "one", "hidden/y", "opaque/a", "opaque/s/b", "closed/f")
	top := filepath.Join(tempDir(t), "uppe")
	addTree(t, top, "both", "d/top", "opaque/c")
	dir, err := openDir(unix.AT_FDCWD, top)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	opaque, err := openDir(dir, "opaque")
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(opaque)
	old := time.Unix(1e9, 5e8)
	err = errors.Join(putWhiteout(dir, dir, "hidden"), putOpaque(dir, opaque), os.Link(lower+"/one", lower+"/two"))
	for _, layer := range []string{lower, top} {
		err = errors.Join(err, filepath.WalkDir(layer, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() || d.IsDir() {
				err = os.Chtimes(path, old, old)
			}
			return err
		}))
	}
	if err = errors.Join(err, os.Chmod(lower+"/closed/f", 0)); err != nil {
		t.Fatal(err)
	}
	return []string{lower, top}
}

// left runs programs in one scratch directory and lists what they left in upper:
// kind, mode, size, links, contents, whether the time is that of the layers, marks of both forms.
func left(lower []string, scratch string, programs []string, copied *int) (string, error) {
	var out bytes.Buffer
	for _, line := range programs {
		s := Spec{
			Lower: lower, Scratch: scratch, Argv: append([]string{"/bin/probe"}, strings.Fields(line)...), Stdout: &out, Stderr: &out,
			Copying: func(error) { *copied++ },
		}
		if err := Run(context.Background(), s); err != nil {
			return out.String(), err
		}
	}
	upper := filepath.Join(scratch, upperName)
	err := filepath.WalkDir(upper, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := path[len(upper):]
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if filepath.Base(name) == namesMark {
			return nil
		}
		if dir, base := filepath.Split(name); strings.HasPrefix(base, whiteoutPrefix) && base != opaqueMark {
			name, st = dir+base[len(whiteoutPrefix):], unix.Stat_t{Mode: unix.S_IFCHR}
		}
		if st.Mode&unix.S_IFMT == unix.S_IFCHR {
			fmt.Fprintf(&out, "%s: hidden\n", name)
			return nil
		}
		if d.Name() == opaqueMark {
			return nil // said of its directory
		}
		fmt.Fprintf(&out, "%s: %o", name, st.Mode)
		if d.IsDir() {
			if err := os.Chmod(path, 0o700); err != nil { // the helper has other rights
				return err
			}
			fd, err := openDir(unix.AT_FDCWD, path)
			if err != nil {
				return err
			}
			opaque, err := isOpaque(fd)
			unix.Close(fd)
			// A new directory is opaque for the kernel's own sake.
			_, lowest := os.Lstat(lower[0] + name)
			if opaque && lowest == nil && name != "/hidden" {
				fmt.Fprint(&out, " opaque")
			}
			if err != nil {
				return err
			}
		} else {
			fmt.Fprintf(&out, " %d bytes, %d links", st.Size, st.Nlink)
			if d.Type().IsRegular() {
				b, err := os.ReadFile(path)
				if errors.Is(err, fs.ErrPermission) {
					err = os.Chmod(path, 0o600)
				}
				if err == nil {
					b, err = os.ReadFile(path)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(&out, " %q", b)
			}
		}
		fmt.Fprintln(&out, " old:", st.Mtim == unix.Timespec{Sec: 1e9, Nsec: 5e8})
		return nil
	})
	lines := strings.SplitAfter(out.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, ""), err
}

// TestCopyLeavesWhatAnOverlayLeaves: with scratch on overlayfs, as in a container without
// a volume, and on a file system without attributes, upper is what it is elsewhere.
func TestCopyLeavesWhatAnOverlayLeaves(t *testing.T) {
	lower := changedLayers(t)
	var want strings.Builder
	for _, name := range slices.Sorted(maps.Keys(changes())) {
		copied := 0
		text, err := left(lower, tempDir(t), changes()[name], &copied)
		if err != nil || copied != 0 {
			t.Fatalf("%s: %v, copied %d times\n%s", name, err, copied, text)
		}
		fmt.Fprintf(&want, "%s:%scopied %d times\n", name, text, len(changes()[name]))
	}
	for fstype, why := range map[string]string{
		"overlay": "invalid argument", "ramfs": "user.* attributes of files: operation not supported",
	} {
		h := helperWithCapabilities("copies", unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE)
		h.Env = append(h.Env, "LOWER="+strings.Join(lower, ":"), "HOST="+tempDir(t), "FS="+fstype)
		got, err := h.Output()
		const manners = "typed <nil>\n" +
			"terminal: /bin/probe exit 4: exit code 4\n" +
			"failed: /bin/probe touch /failed ; exit 3: exit code 3, kept \"mine\" \"/failed\"\n" +
			"absent: sandbox: program: /absent: no such file or directory, kept \"mine\" \"/failed\"\n" +
			"whiteout: sandbox: changes: \"/d/.wh.x\": a name that means a whiteout in a layer\n" +
			"killed: context deadline exceeded, kept \"mine\" \"/failed\"\n" +
			"disk: disk: limit 8 MiB reached: /bin/probe hog file 4000 /x\n"
		if diff := cmp.Diff(want.String()+manners+"overlay: "+why+"\n", string(got)); err != nil || diff != "" {
			t.Errorf("%s: %v; as left by an overlay -, by a copy +:\n%s", fstype, err, diff)
		}
	}
}

// onNoUpper mounts a file system on which no upper directory can be, and returns a
// new scratch directory there.
func onNoUpper(host, fstype string) (string, error) {
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.MkdirAll(filepath.Join(host, name), 0o755); err != nil {
			return "", err
		}
	}
	merged, options := filepath.Join(host, "merged"), ""
	if fstype == "overlay" {
		options = fmt.Sprintf("userxattr,lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", host)
	}
	if err := unix.Mount(fstype, merged, fstype, 0, options); err != nil {
		return "", fmt.Errorf("mount %s: %w", fstype, err)
	}
	if fstype == "ramfs" { // its root belongs to who made the namespace
		if err := os.Chmod(merged, 0o777); err != nil {
			return "", err
		}
	}
	scratch := filepath.Join(merged, "scratch")
	return scratch, os.Mkdir(scratch, 0o700)
}

func copiesHelper() {
	scratch, err := onNoUpper(os.Getenv("HOST"), os.Getenv("FS"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(changes())) {
		copied := 0
		text, err := left(strings.Split(os.Getenv("LOWER"), ":"), scratch, changes()[name], &copied)
		fmt.Printf("%s:%scopied %d times\n", name, text, copied)
		parts, readErr := os.ReadDir(scratch)
		for _, p := range parts {
			if p.Name() != upperName && p.Name() != workName && p.Name() != pointsName {
				fmt.Println("left:", p.Name())
			}
		}
		err = errors.Join(err, readErr, RemoveScratch(scratch), os.Mkdir(scratch, 0o700))
		if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Print(copyManners(strings.Split(os.Getenv("LOWER"), ":"), scratch))
	for _, s := range Check(context.Background(), scratch) {
		if s.Err != nil || s.Instead != nil {
			fmt.Println(s.Name+":", errors.Join(s.Err, s.Instead))
		}
	}
}

// copyManners are what else a run in a copy has in common with others: input is read once,
// ends are told, and what was in upper before stays there, whatever comes of the run.
func copyManners(lower []string, scratch string) string {
	var out bytes.Buffer
	run := func(s Spec, args ...string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		s.Lower, s.Scratch, s.Argv = lower, scratch, args
		return Run(ctx, s)
	}
	kept := func() string {
		mine, err := os.ReadFile(scratch + "/upper/mine")
		failed, err2 := os.ReadFile(scratch + "/upper/failed")
		if err = errors.Join(err, err2); err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%q %q", mine, failed)
	}
	err := run(Spec{Stdin: strings.NewReader("typed"), Stdout: &out}, "/bin/probe", "cat")
	fmt.Fprintln(&out, "", err)
	in, keys, err := os.Pipe()
	if err != nil {
		return err.Error()
	}
	defer keys.Close()
	terminal := &Terminal{In: in, Out: io.Discard, Size: TerminalSize{Rows: 24, Cols: 80}}
	fmt.Fprintln(&out, "terminal:", run(Spec{Terminal: terminal}, "/bin/probe", "exit", "4"))
	if err := os.WriteFile(scratch+"/upper/mine", []byte("mine"), 0o644); err != nil {
		return err.Error()
	}
	err = run(Spec{}, "/bin/probe", "touch", "/failed", ";", "exit", "3")
	fmt.Fprintf(&out, "failed: %v, kept %s\n", err, kept())
	err = run(Spec{}, "/absent")
	fmt.Fprintf(&out, "absent: %v, kept %s\n", err, kept())
	fmt.Fprintln(&out, "whiteout:", run(Spec{}, "/bin/probe", "touch", "/d/.wh.x"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = Run(ctx, Spec{Lower: lower, Scratch: scratch, Argv: []string{"/bin/probe", "sleep", "60"}})
	fmt.Fprintf(&out, "killed: %v, kept %s\n", err, kept())
	err = error(&LimitError{Limit: DiskLimit, Max: 8 << 20, Argv: []string{"/bin/probe", "hog", "file", "4000", "/x"}})
	if os.Getenv("FS") != "ramfs" { // which counts no blocks
		err = run(Spec{Limits: Limits{Disk: 8 << 20}}, "/bin/probe", "hog", "file", "4000", "/x")
	}
	fmt.Fprintln(&out, "disk:", err)
	return out.String()
}

// TestCopyOfADeepTree: a path of any length is an error that says so, and ends the run.
func TestCopyOfADeepTree(t *testing.T) {
	name := strings.Repeat("x", 255)
	for levels, want := range map[string]string{
		"200": "<nil>",
		"300": "sandbox: changes: \"/" + name[:100],
	} {
		s := probe(t, "deep", "/", levels, name)
		p, err := s.plan()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		l := launch{plan: p, namespaces: allNamespaces}
		_, err = l.runCopied(ctx)
		text := fmt.Sprint(err)
		if !strings.HasPrefix(text, want) || len(text) > 5000 || err != nil && !strings.HasSuffix(text, "x\": more than 255 levels deep") {
			t.Errorf("%s levels: %s", levels, text)
		}
		cancel()
	}
	// The line that says it is not always so short.
	line := failLine("changes", errors.New(strings.Repeat("\x01", 1<<20)))
	if rep, err := readReport(strings.NewReader(line), nil); err != nil || rep.failed != "changes" {
		t.Errorf("%d bytes: %v", len(line), err)
	}
}

// TestLimitsOfACopy: the copy itself leaves free what has to stay so, and no program
// begins.
func TestLimitsOfACopy(t *testing.T) {
	s := probe(t, "print", "began", "")
	s.Limits.Free = 1 << 60
	p, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	l := launch{plan: p, stdout: &out, limits: s.Limits, namespaces: allNamespaces}
	// Enough to copy that it takes longer than a look.
	for i := range 20 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", s.Lower[0], i), make([]byte, 8<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err = l.runCopied(t.Context())
	if want := (&LimitError{Argv: s.Argv, Limit: FreeLimit, Max: 1 << 60}); err == nil || err.Error() != want.Error() || out.Len() > 0 {
		t.Errorf("got %v, %q", err, &out)
	}
	if _, err := os.Lstat(s.Scratch + "/work/after"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was copied to the end: %v", err)
	}
}

// TestClockSetBack: the difference that tells so is noticed, one that comes with the time
// of a look is none, and forward is nothing.
func TestClockSetBack(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		0: "<nil>", 5 * time.Millisecond: "<nil>", -time.Hour: "<nil>",
		time.Hour: "the host's clock was set back by 1h0m0s while layers were copied",
	} {
		c := newClock()
		c.ahead += ahead
		text := fmt.Sprint(c.check("copied"))
		if text != want {
			t.Errorf("%v: got %s", ahead, text)
		}
	}
}
