package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/fuel-infra/pbuild/internal/testenv"
	"github.com/fuel-infra/pbuild/internal/worker"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestMain(m *testing.M) {
	testenv.Enter()
	if worker.Is() {
		main()
	}
	testscript.Main(joined{m}, map[string]func(){
		"pbuild": main, "pbuild-story": playStory, "pbuild-off": playOff, "pbuild-boxed": playBoxed, "pbuild-alone": playAlone, "pbuild-killed": playKilled,
	})
}

// joined wants the goroutines of the tests to have ended with them.
type joined struct{ *testing.M }

func (j joined) Run() int {
	code := j.M.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "after the tests:", err)
			code = 1
		}
	}
	return code
}

// TestScripts runs each verb as people do: the program itself, a store of its
// own for each script.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestAptScripts are those in which apt and dpkg do most, one thing after the other.
func TestAptScripts(t *testing.T) { runScripts(t, "testdata/apt") }

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			if err := reachable(e.WorkDir); err != nil {
				return err
			}
			store := filepath.Join(e.WorkDir, "store")
			e.Setenv("STORE", store)
			e.Setenv("PBUILD_STORE", store)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("GORACE", noRaceSleep)
			e.Values[listenerKey{}] = &listener{}
			e.Values[gitKey{}] = &gitHost{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":    scriptStatus,
			"record":    scriptRecord,
			"built":     scriptBuilt,
			"lose":      scriptLose,
			"damage":    scriptDamage,
			"hashed":    scriptHashed,
			"fail":      scriptFail,
			"images":    scriptImages,
			"listen":    scriptListen,
			"connected": scriptConnected,
			"gitserver": scriptGitserver,
			"commit":    scriptCommit,
		},
	})
}

// noRaceSleep is GORACE: built with -race, each program would sleep a second at
// its end.
const noRaceSleep = "atexit_sleep_ms=0"

// reachable lets others than root pass to dir: root's store belongs to a worker.
func reachable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// asOwner opens the store in dir for fn. Where the tests run as root it belongs
// to a worker's uid before and after.
func asOwner(dir string, fn func(*store.Store) error) error {
	own := func(uid int) error {
		if os.Geteuid() != 0 {
			return nil
		}
		return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if st := info.Sys().(*syscall.Stat_t); !d.IsDir() && st.Nlink > 1 {
				// The script said «images»: it would be everybody's file.
				return fmt.Errorf("%s: a hard link into the shared store", path)
			}
			return os.Lchown(path, uid, uid)
		})
	}
	if err := own(0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(fn(s), s.Close(), own(700000))
}

// scriptStatus is «status CODE PROGRAM ARGUMENT…»: the program must end with
// exactly this code.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARGUMENT…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// scriptRecord is «record NAME FORMAT VERSION TIME [PACKAGE]»: the store gets a
// realization. $NAME_FORMAT is then its file's digest.
func scriptRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: record NAME FORMAT VERSION TIME [PACKAGE]")
	}
	finished, err := time.Parse(time.RFC3339, args[3])
	ts.Check(err)
	pkg := args[0] + "-tools"
	if len(args) > 4 {
		pkg = args[4]
	}
	d, err := record(ts.Getenv("STORE"), args[0], args[1], args[2], pkg, finished)
	ts.Check(err)
	ts.Setenv(args[0]+"_"+args[1], d.String())
}

// record puts into the store in dir what a build of one package would leave
// there, and returns the digest of the package's file.
func record(dir, name, format, version, pkg string, finished time.Time) (d digest.Digest, err error) {
	err = asOwner(dir, func(s *store.Store) error {
		var failed error
		put := func(content string) digest.Digest {
			d, err := s.PutBytes([]byte(content))
			failed = errors.Join(failed, err)
			return d
		}
		id := fmt.Sprintf("%s %s %s", name, version, format)
		d = put(id + "\n")
		file := store.File{
			Name: fmt.Sprintf("%s_%s_amd64.%s", name, version, format), Digest: d, Size: int64(len(id) + 1),
			Package: pkg, Version: version, Arch: "amd64",
		}
		manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
			`"artifactType":"application/vnd.pbuild.package.v1",`+
			`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},`+
			`"layers":[{"mediaType":"application/octet-stream","digest":"%s","size":%d}]}`, put("{}"), d, file.Size)
		r := store.Realization{
			Key: digest.Key(put("derivation of " + id)), Recipe: name, Format: format, Arch: "amd64", Version: version,
			Manifest: put(manifest), Output: digest.Of([]byte("output of " + id)), Log: put("built " + id + "\n\x1b[2J\n"),
			Provenance: put("provenance of " + id), Files: []store.File{file}, Finished: finished, Seconds: 6.5,
		}
		if failed != nil {
			return failed
		}
		_, err := s.Record(r, name+"-"+format)
		return err
	})
	return d, err
}

// scriptDamage is «damage DIGEST»: the blob gets another first byte.
func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	d, err := digest.Parse(args[0])
	ts.Check(err)
	ts.Check(asOwner(ts.Getenv("STORE"), func(s *store.Store) error {
		path := s.BlobPath(d)
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[0] ^= 1
		if err := os.Chmod(path, 0o644); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path, b, 0o644), os.Chmod(path, 0o444))
	}))
}

// scriptFail is «fail KEYFILE LOG»: a build of the key has failed with this log.
func scriptFail(ts *testscript.TestScript, neg bool, args []string) {
	key, err := digest.ParseKey(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(asOwner(ts.Getenv("STORE"), func(s *store.Store) error {
		return s.KeepFailedLog(key, strings.NewReader(args[1]))
	}))
}

// scriptHashed is «hashed FILE KEYFILE»: the second holds the sha256 of the first.
func scriptHashed(ts *testscript.TestScript, neg bool, args []string) {
	if got, want := digest.Of([]byte(ts.ReadFile(args[0]))).String()+"\n", ts.ReadFile(args[1]); got != want {
		ts.Fatalf("%s has %s, %s says %s", args[0], got, args[1], want)
	}
}
