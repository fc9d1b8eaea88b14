package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fuel-infra/pbuild/sandbox"
	"github.com/fuel-infra/pbuild/store"
	"github.com/fuel-infra/pbuild/store/digest"
)

func TestMain(m *testing.M) {
	if sandbox.IsInit() {
		sandbox.Init()
	}
	testscript.Main(m, map[string]func(){"pbuild": main, "pbuild-story": playStory})
}

// TestScripts runs each verb as people do: the program itself, a store of its
// own for each script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			store := filepath.Join(e.WorkDir, "store")
			e.Setenv("STORE", store)
			e.Setenv("PBUILD_STORE", store)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus,
			"record": scriptRecord,
			"damage": scriptDamage,
		},
	})
}

// scriptStatus is «status CODE PROGRAM ARGUMENT…»: the program must end with
// exactly this code.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptRecord is «record NAME FORMAT VERSION TIME [PACKAGE]»: the store gets a
// realization as a build would leave it. $NAME_FORMAT is then its file's digest.
func scriptRecord(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: record NAME FORMAT VERSION TIME [PACKAGE]")
	}
	name, format, version := args[0], args[1], args[2]
	finished, err := time.Parse(time.RFC3339, args[3])
	ts.Check(err)
	pkg := name + "-tools"
	if len(args) > 4 {
		pkg = args[4]
	}
	s, err := store.Open(ts.Getenv("STORE"))
	ts.Check(err)
	defer s.Close()
	put := func(content string) digest.Digest {
		d, err := s.PutBytes([]byte(content))
		ts.Check(err)
		return d
	}
	id := fmt.Sprintf("%s %s %s", name, version, format)
	file := store.File{
		Name: fmt.Sprintf("%s_%s_amd64.%s", name, version, format), Digest: put(id + "\n"), Size: int64(len(id) + 1),
		Package: pkg, Version: version, Arch: "amd64",
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"artifactType":"application/vnd.pbuild.package.v1",`+
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},`+
		`"layers":[{"mediaType":"application/octet-stream","digest":"%s","size":%d}]}`, put("{}"), file.Digest, file.Size)
	_, err = s.Record(store.Realization{
		Key: digest.Key(put("derivation of " + id)), Recipe: name, Format: format, Arch: "amd64", Version: version,
		Manifest: put(manifest), Output: digest.Of([]byte("output of " + id)), Log: put("built " + id + "\n\x1b[2J\n"),
		Provenance: put("provenance of " + id), Files: []store.File{file}, Finished: finished, Seconds: 6.5,
	}, name+"-"+format)
	ts.Check(err)
	ts.Setenv(name+"_"+format, file.Digest.String())
}

// scriptDamage is «damage DIGEST»: the blob gets another first byte.
func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	d, err := digest.Parse(args[0])
	ts.Check(err)
	s, err := store.Open(ts.Getenv("STORE"))
	ts.Check(err)
	defer s.Close()
	path := s.BlobPath(d)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[0] ^= 1
	ts.Check(os.Chmod(path, 0o644))
	ts.Check(os.WriteFile(path, b, 0o644))
	ts.Check(os.Chmod(path, 0o444))
}
