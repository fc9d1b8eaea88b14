package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/fuel-infra/pbuild/internal/worker"
)

// runAsOwner runs this executable as the place's owner, who may have no access to
// it nor to the working directory: in dir, where it sees a copy of the module.
func (p place) runAsOwner(ctx context.Context, dir string, args, env []string, out io.Writer) error {
	wd, err := copyModule(filepath.Join(dir, "module"))
	if err != nil {
		return err
	}
	if err := give(dir, p.uid); err != nil {
		return err
	}
	self, err := worker.Executable()
	if err != nil {
		return err
	}
	defer self.Close()
	c := exec.CommandContext(ctx, fmt.Sprintf("/proc/self/fd/%d", self.Fd()), args...)
	c.Dir, c.Stdout, c.Stderr = wd, out, os.Stderr
	c.Env = append(os.Environ(), append(env, "HOME="+dir, "TMPDIR="+dir, placeVariable+"="+p.dir)...)
	c.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)},
		Pdeathsig:  syscall.SIGKILL,
	}
	// Pdeathsig comes when the thread ends that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.Run()
}

// testAsOwner runs the tests of this executable as the place's owner, in dir, and
// returns the exit code.
func (p place) testAsOwner(dir string) (int, error) {
	args, profile := ownersArgs(os.Args[1:], filepath.Join(dir, "profile"))
	cover := filepath.Join(dir, "cover")
	if err := os.Mkdir(cover, 0o700); err != nil {
		return 1, err
	}
	err := p.runAsOwner(context.Background(), dir, args, []string{"GOCOVERDIR=" + cover}, os.Stdout)
	var exit *exec.ExitError
	switch {
	case err == nil:
	case !errors.As(err, &exit):
		return 1, err
	case exit.ExitCode() < 0:
		return 1, err // by a signal
	default:
		return exit.ExitCode(), nil
	}
	if profile != "" {
		body, err := os.ReadFile(filepath.Join(dir, "profile"))
		if err == nil {
			err = os.WriteFile(profile, body, 0o644)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 1, err
		}
	}
	return 0, nil
}

// ownersArgs returns the test flags for the owner, who can't write files where
// root can: the cover profile goes to temp, and its path is returned; other files
// are left out.
func ownersArgs(args []string, temp string) (out []string, profile string) {
	for _, a := range args {
		if to, ok := strings.CutPrefix(a, "-test.coverprofile="); ok {
			profile, a = to, "-test.coverprofile="+temp
		}
		if !slices.ContainsFunc([]string{"testlogfile=", "gocoverdir=", "outputdir="}, func(flag string) bool {
			return strings.HasPrefix(a, "-test."+flag)
		}) {
			out = append(out, a)
		}
	}
	return out, profile
}

// copyModule copies to dir what tests read and returns what stands for the
// working directory.
func copyModule(dir string) (string, error) {
	root, rel, err := module()
	if err != nil {
		return "", err
	}
	wd := filepath.Join(dir, rel)
	if err := os.MkdirAll(wd, 0o755); err != nil {
		return "", err
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), gomod, 0o644); err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(dir, "recipes"), os.DirFS(filepath.Join(root, "recipes"))); err != nil {
		return "", err
	}
	err = os.CopyFS(filepath.Join(wd, "testdata"), os.DirFS("testdata"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return wd, err
}

// module returns the module's root and the working directory below it.
func module() (root, rel string, err error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", "", err
	}
	for root = wd; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, err := filepath.Rel(root, wd)
			return root, rel, err
		}
		if root == "/" {
			return "", "", fmt.Errorf("%s: in no module", wd)
		}
	}
}

// give makes dir and all that is in it uid's.
func give(dir string, uid int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}
